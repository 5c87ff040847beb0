"""How unevenly the work falls on units that run side by side, from the real mask and the real spikes.

Units wait for each other whenever a loop outside them advances; between, each runs through its own live
weights and the spikes that reach them, and the largest share decides. Pixels and timesteps that run side by
side are taken to be equally busy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spareto.hardware.describing.accelerator import Compute
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import Dim
from spareto.records.workload import Layer

Loads = npt.NDArray[np.float64]
_WEIGHT_DIMS: tuple[Dim, ...] = ("M", "C", "R", "S")


def weight_loads(layer: Layer, compute: Compute, *, live_only: bool) -> Loads:
    """Operations that take a cycle at each weight, up to a common factor, shape (groups, M, C, R, S).

    Args:
        layer: The layer; where it does not say which inputs reach which weight, all do alike.
        compute: What the units do about zero inputs.
        live_only: Whether zero weights are skipped.
    """
    groups, (outputs, inputs, *kernel) = layer.groups, layer.weight_mask.shape
    loads = np.ones((groups, outputs // groups, inputs, *kernel))
    if live_only:
        loads = loads * layer.weight_mask.array().reshape(loads.shape)
    if compute.zero_inputs == "skip" and layer.reaching:
        loads = loads * layer.reaching.array().reshape(groups, 1, inputs, *kernel)
    return loads


def imbalance(loads: Loads, nest: Nest) -> float:
    """Cycles with waiting by cycles of equally busy units; 1 if there is nothing to do.

    Args:
        loads: Operations at each weight, shape (groups, M, C, R, S).
        nest: The mapping; the first one counts.
    """
    steps, lanes = np.zeros(1, np.int64), np.zeros(1, np.int64)
    step_count = lane_count = 1
    for axis, dim in enumerate(_WEIGHT_DIMS, start=1):
        step, lane, width, count = _digits(nest, dim, loads.shape[axis])
        steps, lanes = _joined(steps, step, width), _joined(lanes, lane, count)
        step_count, lane_count = step_count * width, lane_count * count
    place = (steps * lane_count + lanes).reshape(-1)
    total = waited = 0.0
    for group in loads:
        shares = np.bincount(place, group.reshape(-1), step_count * lane_count)
        waited += float(shares.reshape(step_count, lane_count).max(axis=1).sum())
        total += float(shares.sum())
    return waited * lane_count / total if total else 1.0


def _digits(nest: Nest, dim: Dim, size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int, int]:
    """For each index of a dimension: the outer step it belongs to and the lane; and how many there are."""
    index = np.arange(size)
    innermost = max((i for i, loop in enumerate(nest.loops) if loop.kind == "spatial"), default=-1)
    step, lane = np.zeros(size, np.int64), np.zeros(size, np.int64)
    steps = lanes = 1
    for place, loop in enumerate(nest.loops):
        bound = int(loop.bound[0])
        if loop.dim != dim or bound == 1:
            continue
        digit = index // int(nest.step(place)[0]) % bound
        if loop.kind == "spatial":
            lane, lanes = lane * bound + digit, lanes * bound
        elif place < innermost:
            step, steps = step * bound + digit, steps * bound
    return step, lane, steps, lanes


def _joined(outer: npt.NDArray[np.int64], inner: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.int64]:
    """One number for each pair of an outer and an inner place."""
    return outer[..., None] * width + inner
