"""Offset pairs: where each row starts and ends, and the column of each value in it."""

from __future__ import annotations

import numpy as np

from spareto.formats._base import (
    Bools,
    Encoded,
    Format,
    Size,
    Sizes,
    Train,
    Values,
    from_bits,
    rounded_up,
    to_bits,
    width_of,
    widths_of,
)
from spareto.formats._gaps import Gaps


class OffsetPairs(Format):
    """Compressed sparse rows; a row is everything that belongs to one index of the first axis.

    One offset more than rows, each of the fewest bits that hold the number of non-zeros; then the columns.

    Reference:
        wu2022: a UOP rank over a CP rank. Its published numbers charge the UOP leaf no metadata, which no
        decoder could read; `compatible_metadata` follows them.
    """

    locates_zeros = True
    implies_ones = True

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Offsets, columns and non-zero values."""
        rows = _rows(tensor)
        live = rows != 0
        offsets = np.concatenate([[0], np.cumsum(live.sum(axis=1))]).astype(np.int64)
        width = width_of(int(offsets[-1]))
        columns = to_bits(np.nonzero(live)[1].astype(np.int64), width_of(rows.shape[1] - 1))
        return Encoded(tensor.shape, rows[live], np.concatenate([to_bits(offsets, width), columns]), width)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back in their rows and columns."""
        rows = _rows(np.zeros(encoded.shape, encoded.values.dtype))
        head = (len(rows) + 1) * encoded.width
        offsets = from_bits(encoded.metadata[:head], encoded.width, len(rows) + 1)
        width = width_of(rows.shape[1] - 1)
        columns = from_bits(encoded.metadata[head:], width, len(encoded.values))
        rows[np.repeat(np.arange(len(rows)), np.diff(offsets)), columns] = encoded.values
        return rows.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """An offset per row and one more, a column and a value per non-zero element."""
        rows, live = _rows(mask), int(np.count_nonzero(mask))
        offsets = (len(rows) + 1) * width_of(live)
        return Size(live * bits, offsets + live * width_of(rows.shape[1] - 1))

    def sizes_of(self, gaps: Gaps, bits: int) -> Sizes | None:
        """Settled by the non-zero elements of each tensor."""
        rows = gaps.shape[0]
        offsets = (rows + 1) * widths_of(gaps.live)
        return offsets + gaps.live * (bits + width_of(gaps.elements // rows - 1))

    def expected_bits(self, train: Train, bits: int) -> float:
        """A row per timestep: settled by the counts."""
        offsets = (train.steps + 1) * width_of(rounded_up(train.live))
        return offsets + train.live * (bits + width_of(train.neurons - 1))

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """None: the offsets of a leaf rank are not charged."""
        return 0.0


def _rows(tensor: Values) -> Values:
    return tensor.reshape(tensor.shape[0], -1) if tensor.size else tensor.reshape(1, 0)
