"""Spike trains of one batch as they are: counts, sizes in the storage formats, windows of time."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from spareto.formats import Bools, Sizes, measured_formats
from spareto.profiling.windows import covered

AT_ONCE: Final = 1 << 22  # elements that are sized together; more would leave the caches

Bytes = npt.NDArray[np.uint8]
Amounts = npt.NDArray[np.float64]


class Trains:
    """Where the elements of one tensor are not zero, in one batch.

    Args:
        packed: Elements packed eight a byte, shape (time, samples, bytes).
        elements: How many there are.
        ones: 1 where an element is not zero, shape (time, samples, elements).
    """

    def __init__(self, packed: Bytes, elements: int, ones: Tensor) -> None:
        self.packed, self.elements = packed, elements
        self.by_step: Amounts = ones.sum(1).double().numpy()
        """Non-zero elements, summed over samples, shape (time, elements)."""

    @staticmethod
    def pack(live: Tensor) -> Bytes:
        """Elements of shape (time, samples, elements), packed eight a byte."""
        array: Any = live.numpy()
        return np.packbits(array, axis=2)

    def are(self, packed: Bytes, elements: int) -> bool:
        """Whether these are the same trains."""
        return self.elements == elements and np.array_equal(self.packed, packed)

    @cached_property
    def counts(self) -> Amounts:
        """Non-zero elements, shape (time, samples)."""
        return np.bitwise_count(self.packed).sum(2, dtype=np.int64).astype(np.float64)

    @cached_property
    def awake(self) -> Amounts:
        """Elements that are not zero at some timestep, shape (samples,)."""
        awake = np.bitwise_or.reduce(self.packed, axis=0)
        return np.bitwise_count(awake).sum(1, dtype=np.int64).astype(np.float64)

    @cached_property
    def windows(self) -> npt.NDArray[np.int64]:
        """Elements in awake windows of 1, 2, ... T timesteps, shape (T, samples)."""
        return covered(self.packed)

    @cached_property
    def sizes(self) -> dict[str, Sizes]:
        """Bits of each sample in the formats whose size the counts do not settle, by the format's name."""
        each = max(1, AT_ONCE // (len(self.packed) * self.elements))
        firsts = range(0, self.packed.shape[1], each)
        parts = [self._unpacked(self.packed[:, first : first + each]) for first in firsts]
        return {
            name: np.concatenate([fmt.sizes(trains, fmt.spike_width) for trains in parts])
            for name, fmt in measured_formats().items()
        }

    def _unpacked(self, packed: Bytes) -> Bools:
        """Spike trains, shape `(samples, time, elements)`."""
        samples_first = np.ascontiguousarray(packed.transpose(1, 0, 2))
        return np.unpackbits(samples_first, axis=2, count=self.elements).view(np.bool_)
