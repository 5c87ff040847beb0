"""Bitmask: one bit per element says whether its value follows."""

from __future__ import annotations

import numpy as np

from spareto.formats._base import Bools, Encoded, Format, Size, Train, Values


class Bitmask(Format):
    """A mask of all elements, then the non-zero values in row-major order.

    Reference:
        wu2022: the formats B and UB.
    """

    locates_zeros = True
    implies_ones = True
    follows_from_counts = True

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Mask and non-zero values."""
        flat = tensor.reshape(-1)
        live = flat != 0
        return Encoded(tensor.shape, flat[live], live)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back where the mask says."""
        flat = np.zeros(len(encoded.metadata), encoded.values.dtype)
        flat[encoded.metadata] = encoded.values
        return flat.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """One bit per element, `bits` per non-zero one."""
        return Size(int(np.count_nonzero(mask)) * bits, mask.size)

    def expected_bits(self, train: Train, bits: int) -> float:
        """One bit per element, `bits` per non-zero one: settled by the counts."""
        return train.elements + train.live * bits

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """One metadata word for every element, whatever the density."""
        return elements * width
