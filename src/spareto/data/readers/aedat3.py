"""AEDAT 3.1: the files of cAER, packets of eight-byte events, low byte first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from typing_extensions import override

from spareto.data.readers._base import Bytes, EventReader, EventStream, joined

HEADER_BYTES = 28
POLARITY = 1
KINDS = 64
"""Kinds of event that the format leaves room for are fewer."""


class Aedat3(EventReader):
    """Polarity events of all packets; frames, motion data and special events are left out.

    A packet begins with 28 bytes: kind, source, bytes of an event, where its time stands, how often the time
    has run over 31 bits, how many events it has room for, how many it holds, and how many of these are valid.
    A polarity event is 32 bits of data (bit 0 valid, bit 1 polarity, bits 2..16 y, bits 17..31 x) and 32 bits
    of time in microseconds. Events that are marked as not valid are left out.

    Reference:
        inivation2019.
    """

    title = "AEDAT 3.1"
    suffixes = (".aedat", ".aedat3")
    expansion = 8

    @classmethod
    @override
    def knows(cls, start: bytes) -> bool:
        return start.startswith(b"#!AER-DAT3.")

    @override
    def read(self, path: Path) -> EventStream:
        content = self.content(path)
        self.refuse_other(path, content, "#!AER-DAT3.1")
        head = content[: 1 << 16].tobytes()
        end = head.find(b"#!END-HEADER")
        begin = head.find(b"\n", end) + 1
        if end < 0 or begin == 0:
            raise self.refused(path, "a header that does not end", "the line #!END-HEADER")
        parts = list(self._packets(path, content, begin))
        return joined(str(path), parts, None)

    def _packets(self, path: Path, content: Bytes, place: int) -> Iterator[EventStream]:
        while place < len(content):
            where, header = f"{path}, byte {place:,}", content[place : place + HEADER_BYTES]
            if len(header) < HEADER_BYTES:
                got = f"{len(header)} bytes of a packet's header"
                raise self.refused(path, got, f"{HEADER_BYTES}, at byte {place:,}")
            kind = int.from_bytes(header[:2].tobytes(), "little")
            size, _, overflow, room, count, _ = (int(n) for n in header[4:].view("<u4"))
            begin = place + HEADER_BYTES
            place = begin + size * room
            if kind >= KINDS or count > room or size == 0 or place > len(content):
                got = f"a packet of kind {kind}, {count:,} of {room:,} events of {size:,} bytes"
                rule = f"one that ends within the file's {len(content):,} bytes"
                raise self.refused(Path(where), got, rule)
            if kind == POLARITY:
                if size != 8:
                    raise self.refused(Path(where), f"polarity events of {size} bytes", "events of 8 bytes")
                yield _decoded(str(path), content[begin : begin + 8 * count], overflow)


def _decoded(where: str, content: Bytes, overflow: int) -> EventStream:
    words = np.frombuffer(content.tobytes(), "<u4").reshape(-1, 2)
    data, times = words[:, 0], words[:, 1].astype(np.int64)
    if not (data & 1).all():
        valid = (data & 1) == 1
        data, times = data[valid], times[valid]
    if overflow:
        times += overflow << 31
    x, y = ((data >> shift & 0x7FFF).astype(np.uint16) for shift in (17, 2))
    return EventStream(where, x, y, (data >> 1 & 1).astype(np.uint8), times)
