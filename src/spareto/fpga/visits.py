"""Which windows an input is in: lists for layers that hand a spike to every neuron it reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spareto.fpga.circuit import Window
from spareto.integer.network import Ints


@dataclass(frozen=True, eq=False)
class Visits:
    """Lists of all inputs, one behind the other; in a list, positions ascend, and taps of a position.

    Args:
        positions: Of each entry, a window that the input is in.
        columns: Of each entry, the column of the weights it takes there.
        starts: Of each input, its first entry.
        counts: Of each input, its entries; 0 where no window has it.
    """

    positions: Ints
    columns: Ints
    starts: Ints
    counts: Ints


def visits(window: Window, live: npt.NDArray[np.bool_]) -> Visits:
    """The lists of a window's inputs.

    Args:
        window: The window.
        live: Columns that have weights, shape (columns,); entries of others are left out.
    """
    addresses = window.addresses()
    there = (addresses >= 0) & live[window.columns]
    positions, taps = np.nonzero(there)
    inputs = addresses[there]
    order = np.argsort(inputs, kind="stable")
    counts = np.bincount(inputs, minlength=window.inputs).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return Visits(positions[order], window.columns[taps[order]], starts, counts)
