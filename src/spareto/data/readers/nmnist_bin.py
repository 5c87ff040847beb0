"""The five-byte events of N-MNIST and N-Caltech101."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from spareto.data.readers._base import Bytes, EventReader, EventStream

EVENT_BYTES = 5
OVERFLOW_ROW = 240
OVERFLOW_US = 1 << 13

Decoded = tuple[Bytes, Bytes, Bytes, npt.NDArray[np.uint32]]
"""x, y, polarity, time in microseconds."""


class NMnistBin(EventReader):
    """Events of an ATIS camera: x, y, then a polarity bit and 23 bits of time, high byte first.

    An event in row 240 is no event: it marks that the time counter lacks 2**13 microseconds from there on.
    The files have no header, and their times are put in order.

    Reference:
        orchard2015.
    """

    title = "N-MNIST's five-byte events"
    suffixes = (".bin",)
    expansion = 24

    @classmethod
    def knows(cls, start: bytes) -> bool:
        """Never: such files have no header."""
        return False

    @override
    def read(self, path: Path) -> EventStream:
        content = self.content(path)
        if len(content) % EVENT_BYTES:
            raise self.refused(
                path, f"{len(content)} bytes", f"a whole number of {EVENT_BYTES}-byte events, at least one"
            )
        x, y, polarity, t_us = decode(content)
        return EventStream(
            str(path), x.astype(np.uint16), y.astype(np.uint16), polarity, t_us.astype(np.int64)
        )


def decode(content: Bytes) -> Decoded:
    """Decode the bytes of one file to x, y, polarity and time in microseconds, in order of time."""
    x, y, high, middle, low = content.reshape(-1, EVENT_BYTES).T
    is_mark = y == OVERFLOW_ROW
    t_us = np.cumsum(is_mark, dtype=np.int64) * OVERFLOW_US
    t_us += (high & np.uint8(0x7F)) * np.uint32(1 << 16) + middle * np.uint32(1 << 8) + low
    t_us = np.minimum(t_us, np.iinfo(np.uint32).max).astype(np.uint32)  # later is later, and never earlier
    order = np.flatnonzero(~is_mark)
    order = order[np.argsort(t_us[order], kind="stable")]
    return x[order], y[order], (high >> np.uint8(7))[order], t_us[order]
