"""Spike trains as they are: what they take in the storage formats, how they fill windows of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from spareto.hardware.formats import Mask, Sizes, measured_formats
from spareto.profiling.windows import covered

AT_ONCE: Final = 1 << 22  # elements that are sized together; more would leave the caches


@dataclass(frozen=True)
class Batch:
    """Trains of one batch and what was found of them.

    Args:
        packed: Neurons packed eight a byte, shape (time, samples, bytes).
        neurons: How many there are.
        covered: See `windows.covered`.
        sizes: Bits of each sample, by the format's name.
    """

    packed: npt.NDArray[np.uint8]
    neurons: int
    covered: npt.NDArray[np.int64]
    sizes: dict[str, Sizes]

    def is_of(self, packed: npt.NDArray[np.uint8], neurons: int) -> bool:
        """Whether these are the same trains."""
        return self.neurons == neurons and np.array_equal(self.packed, packed)


class Storage:
    """Spike trains of one tensor, batch by batch, sized where counts do not settle their size."""

    def __init__(self) -> None:
        self._formats = measured_formats()
        self._neurons = 0
        self._steps: list[npt.NDArray[np.uint8]] = []
        self._sizes: dict[str, list[Sizes]] = {name: [] for name in self._formats}
        self._covered: list[npt.NDArray[np.int64]] = []

    def see(self, live: Tensor, batch: int) -> None:
        """Note one call.

        Args:
            live: Whether an element is not zero, shape `(time x batch, ...)`.
            batch: Samples of the batch.
        """
        steps: Any = live.reshape(len(live) // batch, batch, -1).numpy()
        self._neurons = steps.shape[2]
        self._steps.append(np.packbits(steps, axis=2))

    def end_batch(self, sized: list[Batch] | None = None) -> None:
        """Size the trains of one batch.

        Args:
            sized: What others sized of this batch: what neurons emit is often what the next layer is given.
        """
        if not self._steps:
            return
        packed = np.concatenate(self._steps)
        self._steps.clear()
        known = sized if sized is not None else []
        batch = next((each for each in known if each.is_of(packed, self._neurons)), None)
        if batch is None:
            batch = Batch(packed, self._neurons, covered(packed), self._sized(packed))
            known.append(batch)
        self._covered.append(batch.covered)
        for name, sizes in batch.sizes.items():
            self._sizes[name].append(sizes)

    @property
    def bits(self) -> dict[str, tuple[float, float]]:
        """Mean and largest size over the samples, by the format's name."""
        joined = {name: np.concatenate(sizes) for name, sizes in self._sizes.items()}
        return {name: (float(sizes.mean()), float(sizes.max())) for name, sizes in joined.items()}

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Elements in awake windows of 1, 2, ... T timesteps: mean over the samples, and the largest."""
        counts = np.concatenate(self._covered, axis=1)
        return tuple(zip(counts.mean(1).tolist(), counts.max(1).astype(float).tolist(), strict=True))

    def _trains(self, packed: npt.NDArray[np.uint8]) -> Mask:
        """Spike trains, shape `(samples, time, neurons)`."""
        samples_first = np.ascontiguousarray(packed.transpose(1, 0, 2))
        return np.unpackbits(samples_first, axis=2, count=self._neurons).view(np.bool_)

    def _sized(self, packed: npt.NDArray[np.uint8]) -> dict[str, Sizes]:
        """Size of each sample's trains, by the format's name."""
        each = max(1, AT_ONCE // (len(packed) * self._neurons))
        parts = [self._trains(packed[:, first : first + each]) for first in range(0, packed.shape[1], each)]
        return {
            name: np.concatenate([fmt.sizes(trains, fmt.spike_width) for trains in parts])
            for name, fmt in self._formats.items()
        }
