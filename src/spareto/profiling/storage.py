"""Spike trains of one batch as they are: counts, sizes in the storage formats, windows of time."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from spareto.formats import Format, Gaps, Sizes, levels
from spareto.kernels import trains
from spareto.kernels.library import backend
from spareto.profiling.windows import covered

AT_ONCE: Final = 1 << 22  # elements that are unpacked together; more would leave the caches

Words = npt.NDArray[np.uint64]
Amounts = npt.NDArray[np.float64]


class Trains:
    """Where the elements of one tensor are not zero, in one batch.

    Args:
        words: 64 elements a word, shape (time, samples, words).
        elements: How many there are.
    """

    def __init__(self, words: Words, elements: int) -> None:
        self.words, self.elements = words, elements

    def are(self, words: Words, elements: int) -> bool:
        """Whether these are the same trains."""
        return self.elements == elements and np.array_equal(self.words, words)

    @cached_property
    def counts(self) -> Amounts:
        """Non-zero elements, shape (time, samples)."""
        return np.bitwise_count(self.words).sum(2, dtype=np.int64).astype(np.float64)

    @cached_property
    def awake(self) -> Amounts:
        """Elements that are not zero at some timestep, shape (samples,)."""
        awake = np.bitwise_or.reduce(self.words, axis=0)
        return np.bitwise_count(awake).sum(1, dtype=np.int64).astype(np.float64)

    @cached_property
    def windows(self) -> npt.NDArray[np.int64]:
        """Elements in awake windows of 1, 2, ... T timesteps, shape (T, samples)."""
        found = trains.windows(self.words) if backend() == "c" else covered(self.words)
        self.awake = found[-1] / len(found)
        return found

    @cached_property
    def gaps(self) -> Gaps:
        """Where they lie, as far as most storage formats depend on it."""
        shape = len(self.words), self.elements
        if backend() != "c":
            return joined([Gaps.of(part) for part in self._parts()])
        live, padding, blocks = trains.gaps(self.words, self.elements, levels(shape[0] * shape[1]))
        self.counts = live.astype(np.float64)
        return Gaps(shape, live.sum(0), padding, blocks)

    def sizes(self, fmt: Format) -> Sizes:
        """Bits of each sample in a storage format."""
        found = fmt.sizes_of(self.gaps, fmt.spike_width)
        if found is None:
            found = np.concatenate([fmt.sizes(part, fmt.spike_width) for part in self._parts()])
        return found

    def _parts(self) -> list[npt.NDArray[np.bool_]]:
        """The trains unpacked, shape `(samples, time, elements)`, some samples at a time."""
        each = max(1, AT_ONCE // max(1, len(self.words) * self.elements))
        firsts = range(0, self.words.shape[1], each)
        return [
            trains.unpack(
                np.ascontiguousarray(self.words[:, first : first + each].transpose(1, 0, 2)), self.elements
            )
            for first in firsts
        ]


def joined(parts: list[Gaps]) -> Gaps:
    """The same of the samples of all parts."""
    fields = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("live", "padding", "blocks")
    }
    return Gaps(parts[0].shape, **fields)
