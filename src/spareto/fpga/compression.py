"""Rows of weights without their zeros: an input's words hold a neuron and a weight for every unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spareto.integer.network import Ints


@dataclass(frozen=True, eq=False)
class CompressedRows:
    """Compressed rows.

    Args:
        slots: Of each word and unit, which of its neurons; shape (words, units).
        weights: Of each word and unit, its weight; 0 where a unit has nothing to do.
        starts: Of each input, its first word.
        counts: Of each input, its words; 0 where all of its weights are 0.
    """

    slots: Ints
    weights: Ints
    starts: Ints
    counts: Ints


def compressed(weights: Ints, units: int) -> CompressedRows:
    """The rows of weights (channels, inputs); unit u has the channels u, u + units, ...

    An input takes as many words as its busiest unit has weights.
    """
    channels, inputs = weights.shape
    grid = weights.T.reshape(inputs, channels // units, units)  # input, slot, unit
    live = grid != 0
    counts = live.sum(1).max(1)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    total = max(1, int(counts.sum()))
    slots, values = np.zeros((total, units), np.int64), np.zeros((total, units), np.int64)
    place = np.cumsum(live, 1) - 1
    which, slot, unit = np.nonzero(live)
    words = starts[which] + place[which, slot, unit]
    slots[words, unit], values[words, unit] = slot, grid[which, slot, unit]
    return CompressedRows(slots, values, starts, counts)
