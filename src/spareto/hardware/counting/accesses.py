"""How often each level is read, filled and updated by a mapping, sparsity aside.

Rules (Timeloop, parashar2019): a level holds one tile of each tensor it keeps. Loops outside it that do not
concern the tensor leave the tile in place; the innermost that does lets the tile slide, so that only what
is new is fetched; every loop further out fetches all of it again. Spatial loops that do not concern a
tensor are multicast (operands) or spatial reduction (outputs): one access of the parent.

All counts are arrays with one entry a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spareto.hardware.describing.nest import LoopKind, Nest
from spareto.hardware.describing.problem import (
    DIMS,
    RELEVANT,
    TENSORS,
    Count,
    Extents,
    LoopProblem,
    TensorName,
)

Kept = Mapping[str, Sequence[TensorName]]
Halo = Literal["kept", "dropped"]


@dataclass(frozen=True)
class Access:
    """Scalar accesses of one tensor at one instance of one level.

    Args:
        tile: Elements held at a time.
        fills: Elements brought in from the level outside, first fill included (0 at the outermost).
        reads: Elements sent inwards. Partial sums: those read back, an element's first read left out.
        updates: Partial sums that arrive from inside, after spatial reduction (0 for operands).
        distinct: Different elements this instance holds over the whole layer (outputs only, else 0).
        instances: Instances in use.
    """

    tile: Count
    fills: Count
    reads: Count
    updates: Count
    distinct: Count
    instances: Count


Accesses = dict[tuple[str, TensorName], Access]


def count_accesses(problem: LoopProblem, nest: Nest, kept: Kept, *, halo: Halo = "kept") -> Accesses:
    """Count the accesses of every level and tensor.

    Args:
        problem: The layer.
        nest: The mapping, or many with the same loop order.
        kept: Tensors each level keeps; a level left out, or a tensor not listed, is bypassed.
        halo: Whether a tile that stayed in place while loops inside ran still shares its halo with the next
            one (`kept`), or is fetched whole (`dropped`).

    Returns:
        Counts by level and tensor, for every pair in `kept`.
    """
    found: Accesses = {}
    for tensor in TENSORS:
        holders = [level for level in nest.levels if tensor in kept.get(level, ())]
        for position, level in enumerate(holders):
            child = holders[position + 1] if position + 1 < len(holders) else None
            found[level, tensor] = _count(
                problem, nest, tensor, level, child, outermost=position == 0, halo=halo
            )
    return found


def temporal_steps(nest: Nest) -> Count:
    """Steps that every compute unit in use runs through."""
    return _product(nest, "temporal")


def register_loads(problem: LoopProblem, nest: Nest, tensor: TensorName) -> Count:
    """How often a unit takes in a new element if it holds one while the innermost loops do not concern it."""
    one: Extents = {dim: np.ones(1, np.int64) for dim in DIMS}
    temporal = [index for index in reversed(range(len(nest.loops))) if nest.loops[index].kind == "temporal"]
    return _stream(problem, nest, tensor, one, temporal)


def compute_units(nest: Nest) -> Count:
    """Compute units in use."""
    return _product(nest, "spatial")


def _product(nest: Nest, kind: LoopKind) -> Count:
    product = np.ones(1, np.int64)
    for loop in nest.loops:
        if loop.kind == kind:
            product = product * loop.bound
    return product


def _count(
    problem: LoopProblem,
    nest: Nest,
    tensor: TensorName,
    level: str,
    child: str | None,
    *,
    outermost: bool,
    halo: Halo,
) -> Access:
    tile = problem.tile(tensor, nest.extents(level))
    zero = np.zeros_like(tile)
    served = _served(problem, nest, tensor, level, child, halo)
    instances = np.ones(1, np.int64)
    for index in nest.outside(level, "spatial"):
        instances = instances * nest.loops[index].bound
    fills = zero if outermost else _fills(problem, nest, tensor, level, halo)
    if tensor != "outputs":
        return Access(tile, fills, served, zero, zero, instances)
    distinct = _distinct(nest, tensor, level, tile)
    return Access(tile, fills, served - distinct, served, distinct, instances)


def _served(
    problem: LoopProblem, nest: Nest, tensor: TensorName, level: str, child: str | None, halo: Halo
) -> Count:
    """Accesses that the level inside asks of one instance of `level`."""
    served = temporal_steps(nest) if child is None else _fills(problem, nest, tensor, child, halo)
    for loop in nest.between(level, child):
        if loop.dim in RELEVANT[tensor]:
            served = served * loop.bound
    return served


def _fills(problem: LoopProblem, nest: Nest, tensor: TensorName, level: str, halo: Halo) -> Count:
    """Elements brought into one instance of a level over the whole layer."""
    return _stream(problem, nest, tensor, nest.extents(level), nest.outside(level, "temporal"), halo)


def _stream(
    problem: LoopProblem,
    nest: Nest,
    tensor: TensorName,
    extents: Extents,
    outside: Sequence[int],
    halo: Halo = "kept",
) -> Count:
    """Elements that enter a place that holds `extents` while the loops `outside` run, innermost first."""
    tile = total = problem.tile(tensor, extents)
    moved = stayed = np.zeros(1, dtype=np.bool_)
    for index in outside:
        loop = nest.loops[index]
        if loop.dim in RELEVANT[tensor]:
            fresh = tile
            if problem.slides(tensor, loop.dim) and not moved.all():
                fresh = problem.advance(extents, loop.dim, nest.step(index))
                fresh = np.where(stayed, tile, fresh) if halo == "dropped" else fresh
            total = np.where(moved, total * loop.bound, total + (loop.bound - 1) * fresh)
            moved = moved | (loop.bound > 1)
        else:
            total = np.where(moved, total * loop.bound, total)
            stayed = stayed | (loop.bound > 1)
    return total


def _distinct(nest: Nest, tensor: TensorName, level: str, tile: Count) -> Count:
    """Different elements one instance holds over the whole layer (tiles of outputs never overlap)."""
    distinct = tile
    for index in nest.outside(level, "temporal"):
        loop = nest.loops[index]
        if loop.dim in RELEVANT[tensor]:
            distinct = distinct * loop.bound
    return distinct
