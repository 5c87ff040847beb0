"""AEDAT 4: the files of DV, packets in FlatBuffers, mostly compressed."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from spareto.core.errors import MissingDependency
from spareto.core.extras import imported
from spareto.data.readers._base import Bytes, EventReader, EventStream, joined

START = 14
"""Bytes of the first line."""

COMPRESSIONS = {0: "none", 1: "lz4", 2: "lz4", 3: "zstd", 4: "zstd"}
LARGEST_PACKET = 1 << 28
EVENT = np.dtype(
    {
        "names": ["t", "x", "y", "on"],
        "formats": ["<i8", "<u2", "<u2", "u1"],
        "offsets": [0, 8, 10, 12],
        "itemsize": 16,
    }
)


class Aedat4(EventReader):
    """Events of the only stream of events in the file; frames, motion data and triggers are left out.

    Behind the first line stands a table of what is in the file: its compression, where the index of packets
    begins, and a description in XML. A packet has the number of its stream, its size, and a table with a
    vector of events: 64 bits of time in microseconds, 16 of x, 16 of y, 8 of polarity, 24 unused.

    Reference:
        inivation2019.
    """

    title = "AEDAT 4"
    suffixes = (".aedat4",)
    expansion = 1024  # compressed packets, as far as they can be

    @classmethod
    @override
    def knows(cls, start: bytes) -> bool:
        return start.startswith(b"#!AER-DAT4.")

    @override
    def read(self, path: Path) -> EventStream:
        content = self.content(path)
        self.refuse_other(path, content, "#!AER-DAT4.0")
        try:
            head = _Table(_sized(content[START:], 0), b"IOHE")
            compression, index, xml = head.number(0, "<i"), head.number(1, "<q", -1), head.bytes(2)
            number, size = _events_of(xml.decode("utf-8", errors="replace"))
            end = index if 0 < index <= len(content) else len(content)
            begin = START + 4 + len(_sized(content[START:], 0))
            parts = [
                _decoded(str(path), _unpacked(packed, compression))
                for packed in _packets(content[begin:end], number)
            ]
        except _Damaged as error:
            raise self.refused(path, f"a truncated or damaged file ({error})", "AEDAT 4") from None
        return joined(str(path), parts, size)


class _Damaged(Exception):  # noqa: N818 - reads as what it is
    """A part that is not as the format says."""


class _Table:
    """The root table of a FlatBuffer, of which two fields are enough."""

    def __init__(self, content: Bytes, identifier: bytes) -> None:
        self.content = content.tobytes()
        if self.content[4:8] != identifier:
            raise _Damaged(f"no {identifier.decode()} where it should be")
        self.place = self._at("<I", 0)
        self.fields = self.place - self._at("<i", self.place)

    def number(self, slot: int, form: str, missing: int = 0) -> int:
        """A number of the table."""
        place = self._field(slot)
        return missing if place is None else self._at(form, place)

    def bytes(self, slot: int, size: int = 1) -> bytes:
        """A text or vector of the table, whose elements have `size` bytes."""
        place = self._field(slot)
        if place is None:
            return b""
        begin = place + self._at("<I", place)
        length = self._at("<I", begin) * size
        if begin + 4 + length > len(self.content):
            raise _Damaged(f"a vector of {length:,} bytes in a table of {len(self.content):,}")
        return self.content[begin + 4 : begin + 4 + length]

    def _field(self, slot: int) -> int | None:
        where = 4 + 2 * slot
        if where + 2 > self._at("<H", self.fields):
            return None
        offset = self._at("<H", self.fields + where)
        return self.place + offset if offset else None

    def _at(self, form: str, place: int) -> int:
        if not 0 <= place <= len(self.content) - struct.calcsize(form):
            raise _Damaged("an offset that leads out of its table")
        return struct.unpack_from(form, self.content, place)[0]


def _sized(content: Bytes, place: int) -> Bytes:
    """The bytes behind a size of 32 bits."""
    size = int.from_bytes(content[place : place + 4].tobytes(), "little")
    found = content[place + 4 : place + 4 + size]
    if size < 8 or len(found) < size:
        raise _Damaged(f"a table of {size:,} bytes where {len(found):,} are left")
    return found


def _events_of(xml: str) -> tuple[int, tuple[int, int] | None]:
    """The number of the only stream of events, and its height and width."""
    nodes = re.split(r'<node name="(\d{1,9})"', xml)
    streams = [(int(n), text) for n, text in zip(nodes[1::2], nodes[2::2], strict=True) if ">EVTS<" in text]
    if len(streams) != 1:
        raise _Damaged(f"{len(streams)} streams of events where one is read")
    number, text = streams[0]
    sides = [re.search(rf'key="size{axis}"[^>]*>(\d{{1,6}})<', text) for axis in "YX"]
    return number, (int(sides[0][1]), int(sides[1][1])) if sides[0] and sides[1] else None


def _packets(content: Bytes, wanted: int) -> Iterator[Bytes]:
    place = 0
    while place < len(content):
        head = content[place : place + 8]
        if len(head) < 8:
            raise _Damaged(f"{len(head)} bytes of a packet's header")
        number, size = (int(n) for n in head.copy().view("<u4"))
        packed = content[place + 8 : place + 8 + size]
        if len(packed) < size:
            raise _Damaged(f"{len(packed):,} bytes of a packet of {size:,}")
        if number == wanted:
            yield packed
        place += 8 + size


def _unpacked(packed: Bytes, compression: int) -> Bytes:
    kind = COMPRESSIONS.get(compression)
    if kind is None:
        raise _Damaged(f"compression {compression}")
    if kind == "none":
        return packed
    try:
        content = _lz4(packed.tobytes()) if kind == "lz4" else _zstd(packed.tobytes())
    except (ImportError, MissingDependency):
        raise
    except Exception as error:  # a damaged packet fails in many ways
        raise _Damaged(" ".join(str(error).split())[:100]) from None
    if len(content) > LARGEST_PACKET:
        raise _Damaged(f"a packet of more than {LARGEST_PACKET:,} bytes")
    return np.frombuffer(content, np.uint8)


def _lz4(packed: bytes) -> bytes:
    stream: Any = _package("lz4.frame").LZ4FrameDecompressor()
    content = stream.decompress(packed, LARGEST_PACKET + 1)
    if not stream.eof:
        raise _Damaged("a packet that does not end")
    return content


def _zstd(packed: bytes) -> bytes:
    with (
        _package("zstandard").ZstdDecompressor(max_window_size=LARGEST_PACKET).stream_reader(packed) as stream
    ):
        return stream.read(LARGEST_PACKET + 1)


def _package(name: str) -> Any:
    package = name.partition(".")[0]
    rule, cure = f"{package}, to read compressed AEDAT 4", "pip install 'spareto[aedat]'"
    return imported(name, package, "not installed", rule, cure)


def _decoded(where: str, content: Bytes) -> EventStream:
    table = _Table(_sized(content, 0), b"EVTS")
    events = np.frombuffer(table.bytes(0, EVENT.itemsize), EVENT)
    on = (events["on"] != 0).astype(np.uint8)
    return EventStream(where, events["x"].copy(), events["y"].copy(), on, events["t"].copy())
