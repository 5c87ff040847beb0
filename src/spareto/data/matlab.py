"""Flat arrays of numbers from MATLAB's level 5 files, within bounds that a damaged file cannot break."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spareto.core.archives import inflated, inflated_size
from spareto.core.errors import DataError, Problem
from spareto.data.folder import require

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
LARGEST = 1 << 30
RULE = "a MATLAB file of level 5, low byte first"


class _Damaged(Exception):  # noqa: N818 - reads as what it is
    """A part that is not as the format says."""


def read_matlab(path: Path, cure: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays of real numbers in a file, flat, by name; whatever else it holds is left out.

    Raises:
        DataError: The file is missing, truncated, of another level or byte order, or declares too much.

    Reference:
        MathWorks, "MAT-File Format", level 5.
    """
    content = require(path, RULE, cure).read_bytes()
    try:
        if content[126:128] != b"IM":
            raise _Damaged("no mark of its byte order")
        return dict(_arrays(memoryview(content)[HEADER_BYTES:]))
    except (_Damaged, struct.error, ValueError) as error:
        got = f"a truncated or damaged file ({error})"
        raise DataError(Problem(str(path), got, RULE, cure)) from None


def _arrays(content: memoryview) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for kind, part in _elements(content, padded=False):
        if kind == COMPRESSED:
            size = inflated_size(bytes(part), LARGEST)
            if size > LARGEST:
                raise _Damaged(f"more than {LARGEST:,} bytes in one array")
            yield from _arrays(memoryview(inflated(bytes(part), size)))
        elif kind == MATRIX:
            parts = list(_elements(part, padded=True))
            if len(parts) >= 4 and parts[3][0] in TYPES:
                name = bytes(parts[2][1]).decode("latin-1")
                yield name, np.frombuffer(bytes(parts[3][1]), TYPES[parts[3][0]])


def _elements(content: memoryview, *, padded: bool) -> Iterator[tuple[int, memoryview]]:
    """Kind and bytes of each element; a short one has its bytes in its own head."""
    place = 0
    while place < len(content):
        kind, size = struct.unpack_from("<II", content, place)
        if kind >> 16:
            kind, size, begin, end = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        else:
            begin = place + 8
            end = begin + size + (-size % 8 if padded else 0)
        if begin + size > len(content) or (kind >> 16 == 0 and end - begin < size):
            raise _Damaged(f"{size:,} bytes of an element where {len(content) - begin:,} are left")
        yield kind, content[begin : begin + size]
        place = end
