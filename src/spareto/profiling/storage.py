"""Spike trains as they are: what they take in the storage formats, how they fill windows of time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from spareto.hardware.formats import Mask, Sizes, measured_formats
from spareto.profiling.windows import covered

AT_ONCE: Final = 1 << 22  # elements that are sized together; more would leave the caches


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

    def end_batch(self) -> None:
        """Size the trains of one batch."""
        if not self._steps:
            return
        packed = np.concatenate(self._steps)
        self._steps.clear()
        self._covered.append(covered(packed))
        each = max(1, AT_ONCE // (len(packed) * self._neurons))
        for first in range(0, packed.shape[1], each):
            self._size(self._trains(packed[:, first : first + each]))

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

    def _size(self, trains: Mask) -> None:
        for name, fmt in self._formats.items():
            self._sizes[name].append(fmt.sizes(trains, fmt.spike_width))
