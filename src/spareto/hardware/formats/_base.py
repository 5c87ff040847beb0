"""What a storage format is: a real encoder, its exact size, and the rule the published numbers used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Size:
    """Bits a stored tensor takes, values and metadata apart."""

    value_bits: int
    metadata_bits: int

    @property
    def bits(self) -> int:
        """Values and metadata."""
        return self.value_bits + self.metadata_bits


@dataclass(frozen=True)
class Encoded:
    """A tensor as it is stored.

    Args:
        shape: Shape of the tensor.
        values: Stored values, in order.
        metadata: Stored metadata, one Boolean a bit.
        width: The one field width the decoder is configured with (run bits, coordinate bits, ...); part of
            the layer's configuration, not of the stored stream.
    """

    shape: tuple[int, ...]
    values: Values
    metadata: Mask
    width: int = 0

    def size(self, bits: int) -> Size:
        """Bits of the stream if one value takes `bits`."""
        return Size(len(self.values) * bits, len(self.metadata))


class Format(ABC):
    """One way to store a sparse tensor; one file a format in `hardware/formats/`.

    Class attributes:
        locates_zeros: Whether the metadata tell where the zeros are before a value is read, so that
            hardware can skip them.
    """

    locates_zeros: ClassVar[bool]

    @abstractmethod
    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Store a tensor whose values take `bits` each."""

    @abstractmethod
    def decode(self, encoded: Encoded) -> Values:
        """The tensor again, element for element."""

    @abstractmethod
    def size(self, mask: Mask, bits: int) -> Size:
        """Bits that a tensor with these non-zero elements takes; equals the size of its encoding."""

    @abstractmethod
    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """Metadata bits by the rules of Timeloop and Sparseloop, from the density alone.

        Args:
            elements: Elements of the tensor, zeros included.
            density: Share of them that are not zero.
            width: Bits of one metadata word.
            fibres: Equal pieces the tensor is cut into; only the coordinate list rounds up in each.

        Reference:
            wu2022
        """

    @property
    def compatible_drops_zeros(self) -> bool:
        """Whether Sparseloop leaves zeros out of the stored values."""
        return True


def to_bits(numbers: npt.NDArray[np.int64], width: int) -> Mask:
    """Write each number in `width` bits, most significant first, one after the other."""
    places = np.arange(width - 1, -1, -1, dtype=np.int64)
    return ((numbers[:, None] >> places) & 1).astype(np.bool_).reshape(-1)


def from_bits(bits: Mask, width: int, count: int) -> npt.NDArray[np.int64]:
    """Read `count` numbers of `width` bits each."""
    places = np.int64(1) << np.arange(width - 1, -1, -1, dtype=np.int64)
    return bits.reshape(count, width).astype(np.int64) @ places


def width_of(largest: int) -> int:
    """Bits that hold every number from 0 to `largest`.

    >>> [width_of(n) for n in (0, 1, 2, 255, 256)]
    [0, 1, 2, 8, 9]
    """
    return int(largest).bit_length()


def rounded_up(value: float) -> int:
    """The next integer, not misled by a float that is off by its last digits."""
    return ceil(value - 1e-9)
