"""The tilings a dataflow allows: which loops exist, and every way to cut a dimension over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spareto.hardware.describing.accelerator import Accelerator, Order
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import DIMS, Count, Dim, LoopProblem
from spareto.hardware.mapping.fixed import Key, even_shares

Bounds = Mapping[Key, Count]
_THINNING = 0.75  # neighbouring shares closer than this are one candidate


@dataclass(frozen=True)
class Skeleton:
    """The loops of a dataflow without their bounds.

    Args:
        accelerator: The chip.
        orders: Temporal loop order of each level, outermost first.
    """

    accelerator: Accelerator
    orders: tuple[Order, ...]

    @classmethod
    def of(cls, accelerator: Accelerator) -> Skeleton:
        """The loops as the description orders them."""
        return cls(accelerator, accelerator.dataflow.order)

    def slots(self) -> list[Key]:
        """All loops, outermost first."""
        found: list[Key] = []
        for level in self.accelerator.levels:
            for order in self.orders:
                if order.level == level.name:
                    found.extend((level.name, "temporal", dim) for dim in order.dims)
            for fill in self.accelerator.dataflow.fill:
                if (fill.level, fill.kind) == (level.name, "spatial"):
                    found.extend((level.name, "spatial", dim) for dim in fill.dims)
        return found

    def nest(self, bounds: Bounds) -> Nest:
        """The nest with these bounds; a loop without one runs once, and is left out."""
        loops = [Loop(*slot, bounds[slot]) for slot in self.slots() if slot in bounds]
        return Nest(tuple(level.name for level in self.accelerator.levels), tuple(loops))

    def with_innermost(self, level: str, dim: Dim) -> Skeleton:
        """The same loops with one dimension moved to the inside of a level."""
        orders = tuple(
            order.replace(dims=(*(other for other in order.dims if other != dim), dim))
            if order.level == level
            else order
            for order in self.orders
        )
        return replace(self, orders=orders)

    def reordered(self) -> Iterator[Skeleton]:
        """The same loops with each of them in turn as the innermost of its level."""
        for order in self.orders:
            for dim in order.dims[:-1]:
                yield self.with_innermost(order.level, dim)

    def cuts(self, dim: Dim, total: int) -> dict[Key, Count]:
        """Every (thinned) way to cut `total` iterations over the loops of a dimension, as parallel arrays.

        The loop at the outermost memory takes what the others leave.
        """
        outermost: Key = (self.accelerator.memories[0].name, "temporal", dim)
        slots = [slot for slot in reversed(self.slots()) if slot[2] == dim and slot != outermost]
        rows = _chains(total, [self._limit(slot, total) for slot in slots])
        table = np.array(rows, dtype=np.int64).reshape(len(rows), len(slots) + 1)
        return {slot: table[:, column] for column, slot in enumerate([*slots, outermost])}

    def _limit(self, slot: Key, total: int) -> int:
        level, kind, _ = slot
        total = int(min(total, self.accelerator.dataflow.limit(*slot)))
        return min(total, self.accelerator.fanout(level)) if kind == "spatial" else total


def first_bounds(nest: Nest) -> dict[Key, Count]:
    """The bounds of a nest's loops that run more than once."""
    return {(loop.level, loop.kind, loop.dim): loop.bound for loop in nest.loops if loop.bound[0] > 1}


def sizes(problem: LoopProblem) -> dict[Dim, int]:
    """Iterations of every dimension, 1 where the problem has none."""
    return {dim: problem.dims.get(dim, 1) for dim in DIMS}


def _chains(total: int, limits: Sequence[int]) -> list[list[int]]:
    """Bounds of the limited loops, innermost first, and the rest."""
    if not limits:
        return [[total]]
    chains: list[list[int]] = []
    for bound in _thinned(even_shares(total, min(total, limits[0]))):
        chains += [[bound, *rest] for rest in _chains(-(-total // bound), limits[1:])]
    return chains


def _thinned(shares: list[int]) -> list[int]:
    """Shares, largest first, without those close to one already taken; 1 is always there."""
    kept = [shares[0]]
    for share in shares[1:]:
        if share <= _THINNING * kept[-1] or share == 1:
            kept.append(share)
    return kept
