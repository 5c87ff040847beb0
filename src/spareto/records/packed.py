"""Arrays in a record: masks and numbers, packed into text."""

from __future__ import annotations

import base64
import math
import zlib
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from spareto.core.archives import inflated
from spareto.core.bounds import Positive
from spareto.core.config import Record

MOST: Final = 1 << 30
"""Elements of a mask."""

MOST_NUMBERS: Final = 1 << 26
"""Elements of an array of numbers, each of which takes as much as 64 of a mask."""

_KEPT: Final = 1 << 20
"""Bytes of an array that is kept unpacked; of a larger one, elements that are looked at together."""


def _elements(shape: tuple[int, ...], most: int) -> int:
    count = math.prod(shape)
    if count > most:
        raise ValueError(f"at most {most:,} elements, not {count:,}")
    return count


def _size(given: int, expected: int) -> str:
    return "more" if given > expected else str(given)


def _unpacked(packed: str, size: int) -> bytearray:
    """The bytes behind a text that should be `size`; small ones are kept, for they are asked for again."""
    return _small(packed, size) if size <= _KEPT else inflated(base64.b64decode(packed, validate=True), size)


@lru_cache(maxsize=32)
def _small(packed: str, size: int) -> bytearray:
    return inflated(base64.b64decode(packed, validate=True), size)


class Mask(Record):
    """Which elements of a tensor are not zero: one bit per element, row-major, zlib, base64."""

    shape: tuple[Positive, ...]
    packed: str = Field(repr=False)

    @classmethod
    def of(cls, tensor: npt.ArrayLike) -> Mask:
        """The mask of an array's non-zero elements."""
        live = np.asarray(tensor) != 0
        bits = zlib.compress(np.packbits(live).tobytes(), level=9)
        return cls(shape=live.shape, packed=base64.b64encode(bits).decode("ascii"))

    @model_validator(mode="after")
    def _check_length(self) -> Mask:
        count = -(-_elements(self.shape, MOST) // 8)
        try:
            given = len(_unpacked(self.packed, count))
        except ValueError:
            raise ValueError("one bit an element, compressed with zlib and written in base64") from None
        if given != count:
            raise ValueError(f"{count} bytes of bits for the shape {self.shape}, not {_size(given, count)}")
        return self

    def array(self) -> npt.NDArray[np.bool_]:
        """The mask as a Boolean array of `shape`."""
        count = math.prod(self.shape)
        return _bits(self._content(count), 0, count).view(np.bool_).reshape(self.shape)

    def sums(self, groups: int = 1) -> npt.NDArray[np.int64]:
        """Non-zero elements of each block of `shape[0] / groups` rows, added up along its rows.

        Takes the memory of the bits and the answer, not that of the array.

        Args:
            groups: Blocks, a divisor of `shape[0]`.

        Returns:
            Shape `(groups, *shape[1:])`.
        """
        rows, width = self.shape[0] // groups, math.prod(self.shape[1:])
        if rows * groups * width <= _KEPT and groups > 1:
            return self.array().reshape(groups, rows, *self.shape[1:]).sum(axis=1, dtype=np.int64)
        found, content = np.zeros((groups, width), np.int64), self._content(groups * rows * width)
        step = max(1, _KEPT // width)
        for group, row in product(range(groups), range(0, rows, step)):
            first, last = group * rows + row, group * rows + min(rows, row + step)
            found[group] += _column_sums(_bits(content, first * width, last * width), width)
        return found.reshape(groups, *self.shape[1:])

    def places(self) -> npt.NDArray[np.int64]:
        """Non-zero elements at each place of the last two axes, added up along all others.

        Takes the memory of the bits, not that of the array.
        """
        area, count = math.prod(self.shape[-2:]), math.prod(self.shape)
        width = area * max(1, min(4096, count) // area)  # longer rows are added up faster
        found, step = np.zeros(width, np.int64), width * max(1, _KEPT // width)
        content = self._content(count)
        for first in range(0, count, step):
            bits = _bits(content, first, min(count, first + step))
            whole = bits.size // width * width
            found += _column_sums(bits[:whole], width)
            found[: bits.size - whole] += bits[whole:]
        return found.reshape(-1, *self.shape[-2:]).sum(axis=0)

    def _content(self, count: int) -> npt.NDArray[np.uint8]:
        return np.frombuffer(_unpacked(self.packed, -(-count // 8)), np.uint8)


def _bits(packed: npt.NDArray[np.uint8], first: int, last: int) -> npt.NDArray[np.uint8]:
    """Elements `first` to `last` of packed bits, each 0 or 1."""
    return np.unpackbits(packed[first // 8 : -(-last // 8)])[first % 8 :][: last - first]


def _column_sums(bits: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.int64]:
    """Sums along the rows of a matrix of at most 2^24 rows, so that 32-bit floats add exactly."""
    rows = bits.reshape(-1, width)
    return (np.ones(len(rows), np.float32) @ rows.astype(np.float32)).astype(np.int64)


class Numbers(Record):
    """An array of counts: 64-bit floating-point numbers, little-endian, row-major, zlib, base64."""

    shape: tuple[Positive, ...]
    packed: str = Field(repr=False)

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Numbers:
        """The packed form of an array."""
        array = np.asarray(values, "<f8")
        return cls(
            shape=array.shape, packed=base64.b64encode(zlib.compress(array.tobytes(), 4)).decode("ascii")
        )

    @model_validator(mode="after")
    def _check_length(self) -> Numbers:
        count = 8 * _elements(self.shape, MOST_NUMBERS)
        try:
            given = _unpacked(self.packed, count)
        except ValueError:
            raise ValueError("64-bit numbers, compressed with zlib and written in base64") from None
        if len(given) != count:
            raise ValueError(f"{count} bytes for the shape {self.shape}, not {_size(len(given), count)}")
        if not np.isfinite(np.frombuffer(given, "<f8")).all():
            raise ValueError("finite numbers")
        return self

    @property
    def total(self) -> float:
        """Their sum."""
        return float(np.frombuffer(_unpacked(self.packed, 8 * math.prod(self.shape)), "<f8").sum())

    def array(self) -> npt.NDArray[np.float64]:
        """The numbers as an array of `shape`."""
        values = np.frombuffer(_unpacked(self.packed, 8 * math.prod(self.shape)), dtype="<f8")
        return values.astype(np.float64).reshape(self.shape)
