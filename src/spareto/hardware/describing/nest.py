"""A mapping: the loop nest of a layer, tiled over the levels of an accelerator."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from spareto.hardware.describing.problem import DIMS, Count, Dim

LoopKind = Literal["temporal", "spatial"]
_ONE: Count = np.ones(1, np.int64)


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
        if list(self._places) != sorted(self._places):
            raise ValueError("loops of an outer level come before loops of an inner level")

    @cached_property
    def _places(self) -> tuple[int, ...]:
        """The place of each loop's level."""
        return tuple(self.levels.index(loop.level) for loop in self.loops)

    @cached_property
    def _inside(self) -> tuple[dict[Dim, Count], ...]:
        """Iterations of each dimension that run at loop i and inside it; the last entry is a single one."""
        inside: list[dict[Dim, Count]] = [dict.fromkeys(DIMS, _ONE)]
        for loop in reversed(self.loops):
            product = dict(inside[-1])
            product[loop.dim] = product[loop.dim] * loop.bound
            inside.append(product)
        return tuple(reversed(inside))

    def outside(self, level: str, kind: LoopKind) -> tuple[int, ...]:
        """Indices of the loops of levels outside `level`, innermost first."""
        first = self._first(level)
        return tuple(i for i in reversed(range(first)) if self.loops[i].kind == kind)

    def between(self, outer: str, inner: str | None) -> Iterator[Loop]:
        """Spatial loops that spread data of `outer` over instances of `inner` (None: the compute units)."""
        last = len(self.loops) if inner is None else self._first(inner)
        for loop in self.loops[self._first(outer) : last]:
            if loop.kind == "spatial":
                yield loop

    def extents(self, level: str) -> dict[Dim, Count]:
        """Iterations of each dimension that run at `level` and inside it."""
        return dict(self._inside[self._first(level)])

    def step(self, index: int) -> Count:
        """How far one iteration of loop `index` moves along its dimension."""
        return self._inside[index + 1][self.loops[index].dim]

    def totals(self) -> dict[Dim, Count]:
        """Iterations of each dimension over the whole nest."""
        return dict(self._inside[0])

    def _first(self, level: str) -> int:
        """Index of the first loop at `level` or inside it."""
        return bisect_left(self._places, self.levels.index(level))


def padded(nest: Nest, dims: Mapping[Dim, int]) -> dict[Dim, int]:
    """Extra iterations of each dimension that the first mapping of a nest runs beyond the layer's own."""
    totals = nest.totals()
    extra: dict[Dim, int] = {dim: int(totals[dim][0]) - size for dim, size in dims.items()}
    return {dim: more for dim, more in extra.items() if more}
