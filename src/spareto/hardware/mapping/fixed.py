"""The fixed mapping: one deterministic loop nest a layer, from the dataflow of the accelerator."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from spareto.hardware.describing.accelerator import Accelerator, Memory
from spareto.hardware.describing.nest import Loop, LoopKind, Nest
from spareto.hardware.describing.problem import DIMS, Dim, LoopProblem
from spareto.hardware.mapping.capacity import Widths, overflows
from spareto.records.workload import Layer

Key = tuple[str, LoopKind, Dim]
Factors = dict[Key, int]


@dataclass(frozen=True)
class _Tiling:
    """A nest being built: loops grow one after the other as far as they fit."""

    accelerator: Accelerator
    problem: LoopProblem
    widths: Widths

    def nest(self, factors: Factors) -> Nest:
        loops: list[Loop] = []
        for level in self.accelerator.levels:
            for kind, dims in self._loops_of(level.name):
                bounds: list[tuple[Dim, int]] = [
                    (dim, factors.get((level.name, kind, dim), 1)) for dim in dims
                ]
                loops += [Loop.of(level.name, kind, dim, bound) for dim, bound in bounds if bound > 1]
        return Nest(tuple(level.name for level in self.accelerator.levels), tuple(loops))

    def _loops_of(self, level: str) -> list[tuple[LoopKind, tuple[Dim, ...]]]:
        flow = self.accelerator.dataflow
        order = next((order.dims for order in flow.order if order.level == level), ())
        spatial = [fill.dims for fill in flow.fill if fill.level == level and fill.kind == "spatial"]
        return [("temporal", order), *[("spatial", dims) for dims in spatial]]

    def grow(self, factors: Factors, key: Key, most: int) -> Factors:
        """Give one loop the largest even share of `most` iterations that fits."""
        for bound in even_shares(most, min(most, self._room(factors, key, most))):
            grown = {**factors, key: bound}
            if self.fits(grown):
                return grown
        return factors

    def grow_in_turn(self, factors: Factors, most: dict[Key, int]) -> Factors:
        """Double one loop after the other, again and again, until none of them can grow."""
        growing = list(most)
        while growing:
            key = growing.pop(0)
            now = factors.get(key, 1)
            larger = [bound for bound in even_shares(most[key], min(most[key], 2 * now)) if bound > now]
            grown = {**factors, key: larger[0]} if larger else factors
            if larger and larger[0] <= self._room(factors, key, most[key]) and self.fits(grown):
                factors = grown
                growing.append(key)
        return factors

    def fits(self, factors: Factors) -> bool:
        return not overflows(self.accelerator, self.problem, self.nest(factors), self.widths)

    def _room(self, factors: Factors, key: Key, most: int) -> int:
        level, kind, _ = key
        most = int(min(most, self.accelerator.dataflow.limit(*key)))
        if kind == "temporal":
            return most
        used = [bound for other, bound in factors.items() if other[:2] == (level, kind) and other != key]
        room = min(most, self.accelerator.fanout(level) // prod(used))
        for narrow in self.accelerator.bottlenecks:
            if level in narrow.outside:
                others = [
                    bound
                    for other, bound in factors.items()
                    if other[1] == "spatial" and other[0] in narrow.outside and other != key
                ]
                room = min(room, narrow.instances // prod(others))
        return max(1, room)


def fixed_nest(layer: Layer, accelerator: Accelerator) -> Nest:
    """The fixed mapping of a layer.

    Raises:
        CapacityError: Not even a single iteration fits; names each level and by how much it overflows.
    """
    return fixed_mapping(accelerator, LoopProblem.of(layer), Widths.of(layer, accelerator))


def fixed_mapping(accelerator: Accelerator, problem: LoopProblem, widths: Widths) -> Nest:
    """Tile a layer by the accelerator's dataflow.

    Each loop of `dataflow.fill`, in order, gets the largest share that fan-out and capacity allow; shares
    are even, so that a dimension that no share divides is padded as little as possible. The outermost
    memory runs what is left.

    Raises:
        CapacityError: Not even a single iteration fits; names each level and by how much it overflows.
    """
    tiling = _Tiling(accelerator, problem, widths)
    factors: Factors = {}
    short = overflows(accelerator, problem, tiling.nest(factors), widths)
    if short:
        raise short[0].error(accelerator, short)
    left = {dim: problem.dims.get(dim, 1) for dim in DIMS}
    for fill in accelerator.dataflow.fill:
        keys: list[Key] = [(fill.level, fill.kind, dim) for dim in fill.dims]
        if fill.in_turn:
            factors = tiling.grow_in_turn(factors, {key: left[key[2]] for key in keys})
        else:
            for key in keys:
                factors = tiling.grow(factors, key, left[key[2]])
        for key in keys:
            left[key[2]] = -(-left[key[2]] // factors.get(key, 1))
    outermost: Memory = accelerator.memories[0]
    rest: Factors = {(outermost.name, "temporal", dim): left[dim] for dim in DIMS if left[dim] > 1}
    return tiling.nest({**factors, **rest})


def even_shares(total: int, most: int) -> list[int]:
    """Bounds up to `most` that cut `total` iterations into the fewest, most even pieces, largest first.

    >>> even_shares(16, 14)
    [8, 6, 4, 3, 2, 1]
    """
    pieces = range(-(-total // max(most, 1)), total + 1)
    return sorted({-(-total // count) for count in pieces}, reverse=True)
