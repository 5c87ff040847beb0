"""Coordinate list: the place of each value inside a short fibre."""

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
    width_of,
)
from spareto.formats._gaps import Gaps


class CoordinatePayload(Format):
    """The tensor cut into fibres of 2^k elements: a count of k + 1 bits each, then k-bit coordinates.

    k is part of the layer's configuration. All counts are stored before all coordinates.

    Args:
        coordinate_bits: k; None takes the k that makes this tensor smallest.

    Reference:
        wu2022: the format CP.
    """

    locates_zeros = True
    implies_ones = True

    def __init__(self, coordinate_bits: int | None = None) -> None:
        self.coordinate_bits = coordinate_bits

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Counts, coordinates and non-zero values."""
        flat = tensor.reshape(-1)
        live = np.flatnonzero(flat)
        width = self._width(len(live), flat.size)
        counts = np.bincount(live >> width, minlength=_fibres(flat.size, width))
        coordinates = to_bits(live & ((1 << width) - 1), width)
        metadata = np.concatenate([to_bits(counts.astype(np.int64), width + 1), coordinates])
        return Encoded(tensor.shape, flat[live], metadata, width)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back at their coordinates."""
        flat = np.zeros(int(np.prod(encoded.shape)), encoded.values.dtype)
        width, fibres = encoded.width, _fibres(flat.size, encoded.width)
        head = fibres * (width + 1)
        counts = from_bits(encoded.metadata[:head], width + 1, fibres)
        places: npt.NDArray[np.int64] = from_bits(encoded.metadata[head:], width, len(encoded.values))
        flat[np.repeat(np.arange(fibres) << width, counts) + places] = encoded.values
        return flat.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """A count per fibre, a coordinate and a value per non-zero element."""
        live = int(np.count_nonzero(mask))
        return Size(live * bits, int(_metadata(live, mask.size, self._width(live, mask.size))))

    def sizes_of(self, gaps: Gaps, bits: int) -> Sizes | None:
        """Settled by the non-zero elements of each tensor."""
        widths = _widths(gaps.elements) if self.coordinate_bits is None else [self.coordinate_bits]
        metadata = [gaps.live * k + _fibres(gaps.elements, k) * (k + 1) for k in widths]
        return np.min(metadata, axis=0) + gaps.live * bits

    def expected_bits(self, train: Train, bits: int) -> float:
        """A count per fibre, a coordinate and a value per non-zero element: settled by the counts."""
        fixed = self.coordinate_bits
        widths = [fixed] if fixed is not None else _widths(train.elements)
        return train.live * bits + min(_metadata(train.live, train.elements, width) for width in widths)

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """One metadata word for every expected non-zero, rounded up in each fibre."""
        return np.ceil(elements * density / fibres - 1e-9) * fibres * width

    def _width(self, live: int, elements: int) -> int:
        if self.coordinate_bits is not None:
            return self.coordinate_bits
        return min(_widths(elements), key=lambda width: _metadata(live, elements, width))


def _widths(elements: int) -> range:
    return range(1, max(1, width_of(elements - 1)) + 1)


def _fibres(elements: int, width: int) -> int:
    return -(-elements // (1 << width))


def _metadata(live: float, elements: int, width: int) -> float:
    return live * width + _fibres(elements, width) * (width + 1)
