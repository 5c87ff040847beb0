"""A mapping: the loop nest of a layer, tiled over the levels of an accelerator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spareto.hardware.problem import DIMS, Count, Dim

LoopKind = Literal["temporal", "spatial"]


@dataclass(frozen=True)
class Loop:
    """One loop of a nest.

    Args:
        level: The level that runs it; a spatial loop spreads over the instances below that level.
        kind: Whether iterations follow each other or run side by side.
        dim: The dimension it walks.
        bound: Iterations, one entry a mapping; a plain integer for one mapping.
    """

    level: str
    kind: LoopKind
    dim: Dim
    bound: Count

    @classmethod
    def of(cls, level: str, kind: LoopKind, dim: Dim, bound: npt.ArrayLike) -> Loop:
        """A loop whose bound is an integer or one integer a mapping."""
        return cls(level, kind, dim, np.atleast_1d(np.asarray(bound, dtype=np.int64)))


@dataclass(frozen=True)
class Nest:
    """Ordered loops, outermost first; many mappings at once if their loops differ in bounds only.

    Args:
        levels: Names of the levels, outermost first.
        loops: The loops, outermost first; their levels never go back outwards.
    """

    levels: tuple[str, ...]
    loops: tuple[Loop, ...]

    def __post_init__(self) -> None:
        places = [self.levels.index(loop.level) for loop in self.loops]
        if places != sorted(places):
            raise ValueError("loops of an outer level come before loops of an inner level")

    def outside(self, level: str, kind: LoopKind) -> tuple[int, ...]:
        """Indices of the loops of levels outside `level`, innermost first."""
        place = self.levels.index(level)
        inside = [i for i, loop in enumerate(self.loops) if self.levels.index(loop.level) < place]
        return tuple(i for i in reversed(inside) if self.loops[i].kind == kind)

    def between(self, outer: str, inner: str | None) -> Iterator[Loop]:
        """Spatial loops that spread data of `outer` over instances of `inner` (None: the compute units)."""
        first = self.levels.index(outer)
        last = len(self.levels) if inner is None else self.levels.index(inner)
        for loop in self.loops:
            if loop.kind == "spatial" and first <= self.levels.index(loop.level) < last:
                yield loop

    def extents(self, level: str) -> dict[Dim, Count]:
        """Iterations of each dimension that run at `level` and inside it."""
        place = self.levels.index(level)
        return product_by_dim(loop for loop in self.loops if self.levels.index(loop.level) >= place)

    def step(self, index: int) -> Count:
        """How far one iteration of loop `index` moves along its dimension."""
        inner = product_by_dim(self.loops[index + 1 :])
        return inner[self.loops[index].dim]

    def totals(self) -> dict[Dim, Count]:
        """Iterations of each dimension over the whole nest."""
        return product_by_dim(self.loops)


def product_by_dim(loops: Iterator[Loop] | Sequence[Loop]) -> dict[Dim, Count]:
    """The product of the loop bounds of each dimension; 1 where a dimension has no loop."""
    product: dict[Dim, Count] = {dim: np.ones(1, dtype=np.int64) for dim in DIMS}
    for loop in loops:
        product[loop.dim] = product[loop.dim] * loop.bound
    return product


def padded(nest: Nest, dims: Mapping[Dim, int]) -> dict[Dim, int]:
    """Extra iterations of each dimension that the first mapping of a nest runs beyond the layer's own."""
    totals = nest.totals()
    extra: dict[Dim, int] = {dim: int(totals[dim][0]) - size for dim, size in dims.items()}
    return {dim: more for dim, more in extra.items() if more}
