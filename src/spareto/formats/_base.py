"""What a storage format is: a real encoder, its exact size, and the rule the published numbers used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spareto.formats._density import probability_empty
from spareto.formats._gaps import Gaps

Bools = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]
Sizes = npt.NDArray[np.int64]
Counts = tuple[int, ...]
"""How often each different non-zero value of a tensor occurs, the most frequent first."""


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
    metadata: Bools
    width: int = 0

    def size(self, bits: int) -> Size:
        """Bits of the stream if one value takes `bits`."""
        return Size(len(self.values) * bits, len(self.metadata))


@dataclass(frozen=True)
class Train:
    """What is counted of a tensor over time, spikes or analog values, when the tensor itself is not at hand.

    Args:
        steps: Timesteps.
        neurons: Elements of one timestep.
        live: Elements that are not zero, all timesteps together.
        awake: Neurons with a non-zero element in any timestep; None where it was not counted.
        stored: Bits it takes in a format, by the format's name, for the formats it was measured in.
    """

    steps: int
    neurons: int
    live: float
    awake: float | None = None
    stored: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def elements(self) -> int:
        """Elements of all timesteps."""
        return self.steps * self.neurons

    @property
    def density(self) -> float:
        """Share of the elements that are not zero."""
        return min(1.0, self.live / self.elements)


class Format(ABC):
    """One way to store a sparse tensor, weights or spikes; one file per format in `formats/`.

    Class attributes:
        locates_zeros: Whether the metadata tell where the zeros are before a value is read, so that
            hardware can skip them.
        implies_ones: Whether the metadata alone give a spike train back, so that its ones are not stored.
        monotone: Whether setting an element to zero never takes more bits.
        follows_from_counts: Whether the counts of spikes and of neurons that are not silent settle the size
            of a spike train, their means its mean and their largest its largest; where they do not, a
            profile measures it.
        by_value: Whether the size depends on how often each value occurs. To such a format zero is a value
            like the others.
        on_chips: Whether accelerators keep tensors so. Where not, it is for files, and `best` on an
            accelerator leaves it out.
    """

    locates_zeros: ClassVar[bool]
    implies_ones: ClassVar[bool]
    monotone: ClassVar[bool] = True
    follows_from_counts: ClassVar[bool] = False
    by_value: ClassVar[bool] = False
    on_chips: ClassVar[bool] = True

    @abstractmethod
    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Store a tensor whose values take `bits` each."""

    @abstractmethod
    def decode(self, encoded: Encoded) -> Values:
        """The tensor again, element for element."""

    @abstractmethod
    def size(self, mask: Bools, bits: int) -> Size:
        """Bits that a tensor with these non-zero elements takes; equals the size of its encoding.

        Where the size depends on the values, too, these elements are all alike; see `size_of`.
        """

    def size_of(self, mask: Bools, bits: int, counts: Counts | None) -> Size:
        """The same of a tensor of different values; equals the size of its encoding.

        Args:
            mask: Non-zero elements.
            bits: Bits of one value.
            counts: How often each value occurs; None if that is not known.

        Raises:
            ConfigError: The size depends on the counts, and they are not known.
        """
        return self.size(mask, bits)

    def sizes(self, masks: Bools, bits: int) -> Sizes:
        """Bits of every one of many tensors, shape (samples, ...): `size` of each."""
        found = self.sizes_of(Gaps.of(masks), bits)
        return np.array([self.size(mask, bits).bits for mask in masks], np.int64) if found is None else found

    def sizes_of(self, gaps: Gaps, bits: int) -> Sizes | None:
        """The same from what is counted of the tensors; None where that does not settle the sizes."""
        return None

    @abstractmethod
    def expected_bits(self, train: Train, bits: int) -> float:
        """Bits a tensor over time takes, shape (T, neurons), from its counts, if one value takes `bits`.

        Where the counts do not settle the size, non-zero elements are taken to lie anywhere with equal
        probability.
        """

    def spike_bits(self, train: Train) -> float:
        """Bits a spike train takes, from its counts."""
        return self.expected_bits(train, self.spike_width)

    @property
    def spike_width(self) -> int:
        """Bits stored for the value of one spike."""
        return 0 if self.implies_ones else 1

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


def to_bits(numbers: npt.NDArray[np.int64], width: int) -> Bools:
    """Write each number in `width` bits, most significant first, one after the other."""
    places = np.arange(width - 1, -1, -1, dtype=np.int64)
    return ((numbers[:, None] >> places) & 1).astype(np.bool_).reshape(-1)


def from_bits(bits: Bools, width: int, count: int) -> npt.NDArray[np.int64]:
    """Read `count` numbers of `width` bits each."""
    places = np.int64(1) << np.arange(width - 1, -1, -1, dtype=np.int64)
    return bits.reshape(count, width).astype(np.int64) @ places


def width_of(largest: int) -> int:
    """Bits that hold every number from 0 to `largest`.

    >>> [width_of(n) for n in (0, 1, 2, 255, 256)]
    [0, 1, 2, 8, 9]
    """
    return int(largest).bit_length()


def widths_of(largest: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`width_of` of each, below 2^53."""
    return np.frexp(largest.astype(np.float64))[1].astype(np.int64)


def expected_live_groups(elements: int, live: float, group: int) -> float:
    """Groups of `group` elements that are not all zero, expected if non-zeros lie anywhere."""
    if live <= 0:
        return 0.0
    groups = elements / group
    empty = probability_empty(min(1.0, live / elements), np.array([elements]), np.array([group]))
    return min(groups * (1.0 - float(empty[0])), groups, live)


def rounded_up(value: float) -> int:
    """The next integer, not misled by a float that is off by its last digits."""
    return ceil(value - 1e-9)
