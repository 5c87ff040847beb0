"""Compressed sparse columns: where each column starts and ends, and the row of each value in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from spareto.formats._base import (
    Bools,
    Encoded,
    Format,
    Size,
    Sizes,
    Train,
    Values,
    rounded_up,
    width_of,
    widths_of,
)
from spareto.formats._gaps import Gaps
from spareto.formats.uop import OffsetPairs

_ROWS: Final = OffsetPairs()


class CompressedColumns(Format):
    """Compressed sparse columns; a column is everything that shares all indices but the first.

    One offset more than columns, each of the fewest bits that hold the number of non-zeros; then the rows.
    All outputs of one input stand together, as event-driven chips want them.

    Reference:
        han2016: EIE stores the weights of one input activation together.
    """

    locates_zeros = True
    implies_ones = True

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Offsets, rows and non-zero values, column by column: the rows of the transposed tensor."""
        return replace(_ROWS.encode(tensor.reshape(tensor.shape[0], -1).T, bits), shape=tensor.shape)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back in their columns and rows."""
        height = encoded.shape[0]
        columns = replace(encoded, shape=(int(np.prod(encoded.shape)) // height, height))
        return _ROWS.decode(columns).T.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """An offset per column and one more, a row and a value per non-zero element."""
        live, rows = int(np.count_nonzero(mask)), mask.shape[0]
        offsets = (mask.size // rows + 1) * width_of(live)
        return Size(live * bits, offsets + live * width_of(rows - 1))

    def sizes_of(self, gaps: Gaps, bits: int) -> Sizes | None:
        """Settled by the non-zero elements of each tensor."""
        rows = gaps.shape[0]
        offsets = (gaps.elements // rows + 1) * widths_of(gaps.live)
        return offsets + gaps.live * (bits + width_of(rows - 1))

    def expected_bits(self, train: Train, bits: int) -> float:
        """A column per neuron: settled by the counts."""
        offsets = (train.neurons + 1) * width_of(rounded_up(train.live))
        return offsets + train.live * (bits + width_of(train.steps - 1))

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """Offset pairs over a coordinate list: one offset per fibre and one more, and its coordinates."""
        return (fibres + 1 + np.ceil(elements * density / fibres - 1e-9) * fibres) * width
