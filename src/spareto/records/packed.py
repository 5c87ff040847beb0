"""Arrays in a record: masks and numbers, packed into text."""

from __future__ import annotations

import base64
import zlib
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from spareto.core.config import Record

Positive = Annotated[int, Field(ge=1)]


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
        try:
            packed = zlib.decompress(base64.b64decode(self.packed, validate=True))
        except (zlib.error, ValueError):
            raise ValueError("one bit an element, compressed with zlib and written in base64") from None
        count = -(-int(np.prod(self.shape)) // 8)
        if len(packed) != count:
            raise ValueError(f"{count} bytes of bits for the shape {self.shape}, not {len(packed)}")
        return self

    def array(self) -> npt.NDArray[np.bool_]:
        """The mask as a Boolean array of `shape`."""
        bits = np.frombuffer(zlib.decompress(base64.b64decode(self.packed)), dtype=np.uint8)
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
            shape=array.shape, packed=base64.b64encode(zlib.compress(array.tobytes(), 6)).decode("ascii")
        )

    @model_validator(mode="after")
    def _check_length(self) -> Numbers:
        try:
            given = len(zlib.decompress(base64.b64decode(self.packed, validate=True)))
        except (zlib.error, ValueError):
            raise ValueError("64-bit numbers, compressed with zlib and written in base64") from None
        if given != 8 * int(np.prod(self.shape)):
            raise ValueError(f"{8 * int(np.prod(self.shape))} bytes for the shape {self.shape}, not {given}")
        return self

    def array(self) -> npt.NDArray[np.float64]:
        """The numbers as an array of `shape`."""
        values = np.frombuffer(zlib.decompress(base64.b64decode(self.packed)), dtype="<f8")
        return values.astype(np.float64).reshape(self.shape)
