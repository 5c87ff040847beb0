"""Where a tensor's non-zero elements really are, summarised once for blocks of every size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

Count = npt.NDArray[np.int64]
Window = tuple[int, int]  # elements it covers, elements to the next


class Pattern:
    """The zeros of one tensor.

    Args:
        live: Whether an element is not zero; axes as the tensor's own.
    """

    def __init__(self, live: npt.NDArray[np.bool_]) -> None:
        self.shape: tuple[int, ...] = live.shape
        self._live = live
        self._shares: dict[tuple[Window, ...], float] = {}

    @property
    def density(self) -> float:
        """Share of the elements that are not zero."""
        return float(np.count_nonzero(self._live)) / self._live.size

    def share_empty(self, windows: Sequence[Window]) -> float:
        """Share of the blocks that hold no non-zero element.

        Args:
            windows: For each axis how far a block reaches and how far the next one is away; a block that
                sticks out of the tensor holds nothing there.
        """
        key = tuple(windows)
        if key not in self._shares:
            self._shares[key] = float((self._sums(key) == 0).mean())
        return self._shares[key]

    def shares_empty(self, windows: Sequence[tuple[Count, Count]]) -> npt.NDArray[np.float64]:
        """The same for many mappings at once: arrays of reaches and distances that broadcast."""
        sizes = np.broadcast_arrays(*[size for window in windows for size in window])
        rows = np.stack([size.reshape(-1) for size in sizes], axis=1)
        different, place = np.unique(rows, axis=0, return_inverse=True)
        shares = [self.share_empty(list(zip(row[::2], row[1::2], strict=True))) for row in different.tolist()]
        return np.array(shares)[place.reshape(-1)].reshape(sizes[0].shape)

    def _sums(self, windows: tuple[Window, ...]) -> npt.NDArray[np.int64]:
        """Non-zero elements of every block."""
        sums = self._corner_sums
        for axis, ((size, step), length) in enumerate(zip(windows, self.shape, strict=True)):
            starts: Count = np.arange(0, length, step)
            ends: Count = np.minimum(starts + size, length)
            sums: Count = sums.take(ends, axis) - sums.take(starts, axis)
        return sums

    @cached_property
    def _corner_sums(self) -> npt.NDArray[np.int64]:
        """Non-zero elements before each corner along every axis: any block is a difference of corners."""
        sums = np.zeros(tuple(length + 1 for length in self.shape), np.int64)
        sums[tuple(slice(1, None) for _ in self.shape)] = self._live
        for axis in range(len(self.shape)):
            np.cumsum(sums, axis, out=sums)
        return sums
