"""Address events: the place of every non-zero element, written out in full."""

from __future__ import annotations

import numpy as np

from spareto.formats._base import (
    Bools,
    Encoded,
    Format,
    Size,
    Train,
    Values,
    from_bits,
    rounded_up,
    to_bits,
    width_of,
)


class AddressEvents(Format):
    """One event a non-zero element: its address in the whole tensor, timestep first, then its value.

    The address has the fewest bits that tell all elements apart.

    Reference:
        boahen2000: address-event representation.
    """

    locates_zeros = True
    implies_ones = True
    follows_from_counts = True

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Addresses and non-zero values."""
        flat = tensor.reshape(-1)
        live = np.flatnonzero(flat)
        width = width_of(flat.size - 1)
        return Encoded(tensor.shape, flat[live], to_bits(live, width), width)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back at their addresses."""
        flat = np.zeros(int(np.prod(encoded.shape)), encoded.values.dtype)
        flat[from_bits(encoded.metadata, encoded.width, len(encoded.values))] = encoded.values
        return flat.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """An address and a value per non-zero element."""
        live = int(np.count_nonzero(mask))
        return Size(live * bits, live * width_of(mask.size - 1))

    def expected_bits(self, train: Train, bits: int) -> float:
        """An address and a value per non-zero element: settled by the counts."""
        return train.live * (bits + width_of(train.elements - 1))

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """A coordinate list of one fibre."""
        return float(rounded_up(elements * density) * width)
