"""Arrays in a record: masks and numbers, packed into text."""

from __future__ import annotations

import base64
import math
import zlib
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from spareto.core.archives import inflated_size
from spareto.core.bounds import Positive
from spareto.core.config import Record

MOST: Final = 1 << 30
"""Elements of an array."""


def _elements(shape: tuple[int, ...]) -> int:
    count = math.prod(shape)
    if count > MOST:
        raise ValueError(f"at most {MOST:,} elements, not {count:,}")
    return count


def _size(given: int, expected: int) -> str:
    return "more" if given > expected else str(given)


@lru_cache(maxsize=32)
def _unpacked(packed: str) -> bytes:
    """The bytes behind a text; a layer's are asked for several times in a row."""
    return zlib.decompress(base64.b64decode(packed))


class Mask(Record):
    """Which elements of a tensor are not zero: one bit an element, row-major, zlib, base64."""

    shape: tuple[Positive, ...]
    packed: str

    @classmethod
    def of(cls, tensor: npt.ArrayLike) -> Mask:
        """The mask of an array's non-zero elements."""
        live = np.asarray(tensor) != 0
        bits = zlib.compress(np.packbits(live).tobytes(), level=9)
        return cls(shape=live.shape, packed=base64.b64encode(bits).decode("ascii"))

    @model_validator(mode="after")
    def _check_length(self) -> Mask:
        count = -(-_elements(self.shape) // 8)
        try:
            given = inflated_size(base64.b64decode(self.packed, validate=True), count)
        except ValueError:
            raise ValueError("one bit an element, compressed with zlib and written in base64") from None
        if given != count:
            raise ValueError(f"{count} bytes of bits for the shape {self.shape}, not {_size(given, count)}")
        return self

    def array(self) -> npt.NDArray[np.bool_]:
        """The mask as a Boolean array of `shape`."""
        bits = np.frombuffer(_unpacked(self.packed), dtype=np.uint8)
        count = int(np.prod(self.shape))
        return np.unpackbits(bits, count=count).astype(np.bool_).reshape(self.shape)


class Numbers(Record):
    """An array of counts: 64-bit floating-point numbers, little-endian, row-major, zlib, base64."""

    shape: tuple[Positive, ...]
    packed: str

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Numbers:
        """The packed form of an array."""
        array = np.asarray(values, "<f8")
        return cls(
            shape=array.shape, packed=base64.b64encode(zlib.compress(array.tobytes(), 4)).decode("ascii")
        )

    @model_validator(mode="after")
    def _check_length(self) -> Numbers:
        count = 8 * _elements(self.shape)
        try:
            given = inflated_size(base64.b64decode(self.packed, validate=True), count)
        except ValueError:
            raise ValueError("64-bit numbers, compressed with zlib and written in base64") from None
        if given != count:
            raise ValueError(f"{count} bytes for the shape {self.shape}, not {_size(given, count)}")
        if not np.isfinite(self.array()).all():
            raise ValueError("finite numbers")
        return self

    def array(self) -> npt.NDArray[np.float64]:
        """The numbers as an array of `shape`."""
        values = np.frombuffer(_unpacked(self.packed), dtype="<f8")
        return values.astype(np.float64).reshape(self.shape)
