"""Compressed sparse columns: where each column starts and ends, and the row of each value in it."""

from __future__ import annotations

import numpy as np

from spareto.hardware.formats._base import (
    Encoded,
    Format,
    Mask,
    Size,
    Train,
    Values,
    from_bits,
    rounded_up,
    to_bits,
    width_of,
)


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
        """Offsets, rows and non-zero values, column by column."""
        columns = _columns(tensor)
        live = columns != 0
        offsets = np.concatenate([[0], np.cumsum(live.sum(axis=1))]).astype(np.int64)
        width = width_of(int(offsets[-1]))
        rows = to_bits(np.nonzero(live)[1].astype(np.int64), width_of(columns.shape[1] - 1))
        return Encoded(tensor.shape, columns[live], np.concatenate([to_bits(offsets, width), rows]), width)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back in their columns and rows."""
        columns = np.ascontiguousarray(_columns(np.zeros(encoded.shape, encoded.values.dtype)))
        head = (len(columns) + 1) * encoded.width
        offsets = from_bits(encoded.metadata[:head], encoded.width, len(columns) + 1)
        width = width_of(columns.shape[1] - 1)
        rows = from_bits(encoded.metadata[head:], width, len(encoded.values))
        columns[np.repeat(np.arange(len(columns)), np.diff(offsets)), rows] = encoded.values
        return columns.T.reshape(encoded.shape)

    def size(self, mask: Mask, bits: int) -> Size:
        """An offset a column and one more, a row and a value a non-zero element."""
        live, rows = int(np.count_nonzero(mask)), mask.shape[0]
        offsets = (mask.size // rows + 1) * width_of(live)
        return Size(live * bits, offsets + live * width_of(rows - 1))

    def expected_bits(self, train: Train, bits: int) -> float:
        """A column a neuron: settled by the counts."""
        offsets = (train.neurons + 1) * width_of(rounded_up(train.live))
        return offsets + train.live * (bits + width_of(train.steps - 1))

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """Offset pairs over a coordinate list: one offset a fibre and one more, and its coordinates."""
        return (fibres + 1 + rounded_up(elements * density / fibres) * fibres) * width


def _columns(tensor: Values) -> Values:
    return tensor.reshape(tensor.shape[0], -1).T
