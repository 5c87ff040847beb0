"""Prophesee's DAT: a header of text, then eight bytes per event."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from typing_extensions import override

from spareto.data.readers._base import EventReader, EventStream

EVENT_BYTES = 8
KINDS = (0, 12)
"""What the byte behind the header calls events of change: 0 in old files, 12 since."""


class PropheseeDat(EventReader):
    """Events of change detection.

    Behind the header's lines stand one byte of kind and one of size. An event is 32 bits of time in
    microseconds and 32 bits of place: x is bits 0..13, y bits 14..27, polarity bit 28; low byte first.

    Reference:
        prophesee2024.
    """

    title = "Prophesee DAT"
    suffixes = (".dat",)
    expansion = 8

    @classmethod
    def knows(cls, start: bytes) -> bool:
        """See `EventReader.knows`; other files of Prophesee begin alike and are known by their names."""
        return start.startswith((b"% Data file", b"% Version"))

    @override
    def read(self, path: Path) -> EventStream:
        content = self.content(path)
        lines, begin = self.text_lines(path, content, b"%")
        if not lines:
            got = f"a file that begins with {content[:12].tobytes()!r}"
            raise self.refused(path, got, "lines that begin with %", "Check its format.")
        told = content[begin : begin + 2].tolist()
        if len(told) < 2 or told[0] not in KINDS or told[1] != EVENT_BYTES:
            got = f"kind and size {told} behind the header"
            raise self.refused(path, got, f"[0, {EVENT_BYTES}] or [12, {EVENT_BYTES}], events of change")
        rest = content[begin + 2 :]
        if len(rest) % EVENT_BYTES:
            got = f"{len(rest):,} bytes of events"
            raise self.refused(path, got, f"a whole number of {EVENT_BYTES}-byte events")
        words = np.frombuffer(rest.tobytes(), "<u4").reshape(-1, 2)
        place = words[:, 1]
        x, y = ((place >> shift & 0x3FFF).astype(np.uint16) for shift in (0, 14))
        polarity = (place >> 28 & 1).astype(np.uint8)
        return EventStream(str(path), x, y, polarity, words[:, 0].astype(np.int64), _size(lines))


def _size(lines: list[str]) -> tuple[int, int] | None:
    """Height and width, if the header says them."""
    found = [
        re.fullmatch(rf"%\s*{name}\s+(\d{{1,6}})", line) for name in ("Height", "Width") for line in lines
    ]
    sides = [int(match[1]) for match in found if match]
    return (sides[0], sides[1]) if len(sides) == 2 else None
