"""No compression: every element is stored."""

from __future__ import annotations

import numpy as np

from spareto.formats._base import Bools, Encoded, Format, Size, Train, Values


class Uncompressed(Format):
    """Zeros and all, in order, without metadata."""

    locates_zeros = False
    implies_ones = False
    follows_from_counts = True

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Every element in row-major order."""
        return Encoded(tensor.shape, tensor.reshape(-1).copy(), np.zeros(0, np.bool_))

    def decode(self, encoded: Encoded) -> Values:
        """The values in the tensor's shape."""
        return encoded.values.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """`bits` an element."""
        return Size(mask.size * bits, 0)

    def expected_bits(self, train: Train, bits: int) -> float:
        """`bits` an element."""
        return train.elements * bits

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """None."""
        return 0.0

    @property
    def compatible_drops_zeros(self) -> bool:
        """It keeps them."""
        return False
