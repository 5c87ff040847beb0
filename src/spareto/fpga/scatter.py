"""What a stage stores that hands each spike to the neurons it reaches: words of weights and lists of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spareto.fpga.circuit import Neurons
from spareto.fpga.compression import compressed
from spareto.fpga.visits import Visits, visits
from spareto.hardware.fabric.lists import Lists
from spareto.integer.network import Ints


@dataclass(frozen=True, eq=False)
class Scattered:
    """A stage's words and lists.

    Args:
        weights: Of each word and unit; shape (words, units).
        slots: Of each word and unit, which of its neurons at a position; shape (words, units).
        starts: Of each column of the weights, its first word.
        counts: Of each column, its words.
        visits: Lists of windows; None for a dense layer, whose inputs are the columns.
        lists: Sizes of all that.
    """

    weights: Ints
    slots: Ints
    starts: Ints
    counts: Ints
    visits: Visits | None
    lists: Lists

    @property
    def words(self) -> Ints:
        """Words that each input takes."""
        if self.visits is None:
            return self.counts
        ends = np.concatenate([[0], np.cumsum(self.counts[self.visits.columns])])
        return ends[self.visits.starts + self.visits.counts] - ends[self.visits.starts]


def scattered(stage: Neurons) -> Scattered:
    """The words and lists of a stage: compressed rows, or rows of all its weights."""
    units, blocks, columns = stage.units, stage.blocks, stage.weights.shape[1]
    if stage.reads == "compressed":
        rows = compressed(stage.weights, units)
        weights, slots, starts, counts = rows.weights, rows.slots, rows.starts, rows.counts
    else:
        weights = stage.weights.T.reshape(-1, units)
        slots = np.tile(np.arange(blocks)[:, None], (columns, units))
        starts, counts = np.arange(columns) * blocks, np.full(columns, blocks)
    found = None if stage.window.plain else visits(stage.window, counts > 0)
    lists = Lists(
        inputs=stage.window.inputs,
        words=len(weights),
        most=max(1, int(counts.max())),
        passes=stage.passes,
        blocks=blocks,
        compressed=stage.reads == "compressed",
        entries=0 if found is None else max(1, len(found.columns)),
        longest=0 if found is None else max(1, int(found.counts.max())),
    )
    return Scattered(weights, slots, starts, counts, found, lists)
