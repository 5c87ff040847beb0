"""Run-length encoding: before each value, how many zeros were left out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spareto.formats._base import (
    Bools,
    Encoded,
    Format,
    Size,
    Sizes,
    Train,
    Values,
    from_bits,
    to_bits,
)
from spareto.formats._gaps import Gaps, levels

Histogram = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # lengths, how many of each


class RunLength(Format):
    """Pairs of a zero run of k bits and the value that ends it; zeros after the last value are implied.

    A run longer than 2^k - 1 takes padding entries: a full run that ends in a stored zero, standing for 2^k
    zeros. k is part of the layer's configuration.

    Args:
        run_bits: k; None takes the k that makes this tensor smallest.

    Reference:
        chen2017: Eyeriss stores five-bit runs of 16-bit values.
    """

    locates_zeros = True
    implies_ones = False

    def __init__(self, run_bits: int | None = None) -> None:
        self.run_bits = run_bits

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Runs, padding entries included, and values."""
        flat = tensor.reshape(-1)
        live = np.flatnonzero(flat)
        runs = _runs(live)
        width = self._width(_histogram(runs), flat.size, bits)
        padding = runs >> width
        entries = np.repeat((1 << width) - 1, len(live) + int(padding.sum()))
        values = np.zeros(len(entries), flat.dtype)
        last = np.cumsum(padding + 1) - 1
        entries[last] = runs & ((1 << width) - 1)
        values[last] = flat[live]
        return Encoded(tensor.shape, values, to_bits(entries, width), width)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back at the ends of their runs."""
        runs = from_bits(encoded.metadata, encoded.width, len(encoded.values))
        flat = np.zeros(int(np.prod(encoded.shape)), encoded.values.dtype)
        flat[np.cumsum(runs + 1) - 1] = encoded.values
        return flat.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """Entries times `bits` and k."""
        runs = _histogram(_runs(np.flatnonzero(mask)))
        width = self._width(runs, mask.size, bits)
        entries = _entries(runs, width)
        return Size(entries * bits, entries * width)

    def sizes_of(self, gaps: Gaps, bits: int) -> Sizes | None:
        """Non-zero elements and padding entries, times `bits` and k."""
        if self.run_bits == 0:
            return None
        widths = [self.run_bits] if self.run_bits is not None else _widths(gaps.elements)
        return np.min([(gaps.live + gaps.left_out(k)) * (bits + k) for k in widths], axis=0)

    def expected_bits(self, train: Train, bits: int) -> float:
        """Entries times `bits` and k, runs taken to be geometric."""
        widths = [self.run_bits] if self.run_bits is not None else _widths(train.elements)
        return min(_expected_entries(train, width) * (bits + width) for width in widths)

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """One metadata word for every expected non-zero; long runs cost no padding entry."""
        return elements * density * width

    def _width(self, runs: Histogram, elements: int, bits: int) -> int:
        if self.run_bits is not None:
            return self.run_bits
        return min(_widths(elements), key=lambda width: _entries(runs, width) * (bits + width))


def _widths(elements: int) -> range:
    return range(1, levels(elements) + 1)


def _expected_entries(train: Train, width: int) -> float:
    """Non-zeros, and a padding entry for every 2^k zeros of a run: q + q^2 + ... with q = (1 - d)^(2^k)."""
    if not 0 < train.density < 1:
        return train.live
    full = (1.0 - train.density) ** (1 << width)
    return train.live * (1.0 + full / (1.0 - full))


def _runs(live: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Zeros before each non-zero element."""
    runs = live.copy()
    runs[1:] -= live[:-1] + 1
    return runs


def _histogram(runs: npt.NDArray[np.int64]) -> Histogram:
    """The different runs and how many there are of each: few, however large the tensor."""
    counts = np.bincount(runs)
    lengths = np.flatnonzero(counts)
    return lengths, counts[lengths]


def _entries(runs: Histogram, width: int) -> int:
    lengths, counts = runs
    return int(((lengths >> width) + 1) @ counts)
