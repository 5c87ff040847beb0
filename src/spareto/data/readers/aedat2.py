"""AEDAT 2.0: the files of jAER, eight bytes per event, high byte first."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.data.readers._base import Bytes, EventReader, EventStream

EVENT_BYTES = 8
LAST_LINE = "#End Of ASCII Header"
"""Newer files end their header with it, so that data may begin with a # of its own."""


class Aedat2(EventReader):
    """Events of a DVS128, or of a DAVIS 240 or 346, whose frames and motion data are left out.

    An event is a 32-bit address and a 32-bit time in microseconds. DVS128: polarity is bit 0, inverted; x is
    bits 1..7, y bits 8..14; bit 15 marks what the camera was told from outside. DAVIS: bit 31 marks what is
    no event, y is bits 22..30, x bits 12..21, polarity bit 11; bit 10 marks what comes from outside. Pixels
    are counted as they are stored; jAER shows x mirrored.

    Args:
        chip: `dvs128` or `davis`; left out, what the header names, else a DVS128.

    Reference:
        inivation2019, and jAER's chip classes.
    """

    title = "AEDAT 2.0"
    suffixes = (".aedat", ".aedat2")
    expansion = 12

    def __init__(self, *, chip: Literal["dvs128", "davis"] | None = None) -> None:
        if chip not in ("dvs128", "davis", None):
            raise ConfigError(Problem("reader 'aedat2'.chip", shown(chip), "dvs128 or davis"))
        self.chip = chip

    @classmethod
    @override
    def knows(cls, start: bytes) -> bool:
        return start.startswith(b"#!AER-DAT2.")

    @override
    def read(self, path: Path) -> EventStream:
        content = self.content(path)
        self.refuse_other(path, content, "#!AER-DAT2.0")
        lines, begin = self.text_lines(path, content, b"#", LAST_LINE)
        rest = content[begin:]
        if len(rest) % EVENT_BYTES:
            got = f"{len(rest):,} bytes behind its header"
            raise self.refused(path, got, f"a whole number of {EVENT_BYTES}-byte events")
        words = rest.view(np.dtype(">u4")).reshape(-1, 2)
        davis = self.chip == "davis" if self.chip else any("davis" in line.lower() for line in lines)
        return (_davis if davis else _dvs128)(str(path), words[:, 0].astype(np.uint32), words[:, 1])


def _dvs128(where: str, address: np.ndarray, times: np.ndarray) -> EventStream:
    live = (address & 0x8000) == 0
    address, times = address[live], times[live]
    x, y = ((address >> shift & 0x7F).astype(np.uint16) for shift in (1, 8))
    polarity = (1 - (address & 1)).astype(np.uint8)
    return _stream(where, x, y, polarity, times, (128, 128), int((~live).sum()))


def _davis(where: str, address: np.ndarray, times: np.ndarray) -> EventStream:
    live = (address & 0x80000400) == 0
    address, times = address[live], times[live]
    x = (address >> 12 & 0x3FF).astype(np.uint16)
    y = (address >> 22 & 0x1FF).astype(np.uint16)
    polarity = (address >> 11 & 1).astype(np.uint8)
    return _stream(where, x, y, polarity, times, None, int((~live).sum()))


def _stream(
    where: str,
    x: np.ndarray,
    y: np.ndarray,
    p: Bytes,
    times: np.ndarray,
    size: tuple[int, int] | None,
    left: int,
) -> EventStream:
    notes = (f"{left:,} records that are no events are left out.",) if left else ()
    return EventStream(where, x, y, p, times.astype(np.int32).astype(np.int64), size, notes)
