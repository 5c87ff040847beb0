"""The neighbours of a mapping: two dimensions cut anew in every way that fits, all others held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import Count, Dim, LoopProblem
from spareto.hardware.mapping.capacity import Widths, held_bits
from spareto.hardware.mapping.checks import array_limits
from spareto.hardware.mapping.fixed import fixed_mapping
from spareto.hardware.mapping.tilings import Skeleton, first_bounds, sizes

_ROWS = 20_000  # mappings looked at at once: fast, and small in memory

Identity = tuple[object, bytes]


@dataclass(frozen=True)
class Tiling:
    """One mapping of the search: its loop orders, and the bound of each of its loops."""

    skeleton: Skeleton
    bounds: Count

    @cached_property
    def identity(self) -> Identity:
        """What two equal mappings have in common."""
        return tuple(order.dims for order in self.skeleton.orders), self.bounds.tobytes()


class Neighbours:
    """Every mapping a search may come by, starting from the fixed one.

    A mapping is a row of bounds, one a loop, in the order of the accelerator's own loops.

    Args:
        problem: The layer.
        accelerator: The chip and its dataflow.
        widths: Bits the layer's elements take while they are held.

    Raises:
        CapacityError: Not even a single iteration of the layer fits.
    """

    def __init__(self, problem: LoopProblem, accelerator: Accelerator, widths: Widths) -> None:
        self.problem, self.accelerator, self.widths = problem, accelerator, widths
        self.rejected: Counter[str] = Counter()
        skeleton = Skeleton.of(accelerator)
        self._slots = skeleton.slots()
        self._limits = array_limits(accelerator)
        first = first_bounds(fixed_mapping(accelerator, problem, widths))
        row = [int(first[slot][0]) if slot in first else 1 for slot in self._slots]
        self.start = Tiling(skeleton, np.array(row, np.int64))
        self._cuts = {
            dim: _Cuts.of(skeleton, dim, total) for dim, total in sizes(problem).items() if total > 1
        }

    def recut(self, tiling: Tiling) -> Iterator[Count]:
        """The neighbours of a mapping that fit, in pieces of some thousand rows."""
        for rows in _in_pieces(self._crossed(tiling.bounds)):
            yield rows[self._held(self.nest(tiling.skeleton, rows), len(rows))]

    def nest(self, skeleton: Skeleton, rows: Count) -> Nest:
        """The nest of many rows; loops that run once in all of them are left out."""
        columns, longest = np.ascontiguousarray(rows.T), rows.max(axis=0, initial=1)
        return skeleton.nest({slot: columns[i] for i, slot in enumerate(self._slots) if longest[i] > 1})

    def _crossed(self, base: Count) -> Iterator[Count]:
        """Rows that spread over no more instances than there are, pair by pair of dimensions."""
        pairs = list(combinations(self._cuts.values(), 2))
        for first, second in pairs or [(cuts, cuts.none) for cuts in self._cuts.values()]:
            one, other = np.nonzero(self._spread(base, first, second))
            rows = np.tile(base, (len(one), 1))
            rows[:, first.places] = first.bounds[one]
            rows[:, second.places] = second.bounds[other]
            yield rows

    def _spread(self, base: Count, first: _Cuts, second: _Cuts) -> npt.NDArray[np.bool_]:
        """Which cuts of two dimensions go together; counts the others under the first level they exceed."""
        fits = np.ones((len(first.bounds), len(second.bounds)), np.bool_)
        cut = {*first.places.tolist(), *second.places.tolist()}
        for name, levels, most in self._limits:
            spatial = [i for i, slot in enumerate(self._slots) if slot[1] == "spatial" and slot[0] in levels]
            others = int(np.prod([base[i] for i in spatial if i not in cut], initial=1))
            used = np.multiply.outer(first.product(spatial), second.product(spatial)) * others
            fresh = fits & (used > most)
            self.rejected[f"{name}: more instances than there are"] += int(fresh.sum())
            fits &= ~fresh
        return fits

    def _held(self, nest: Nest, count: int) -> npt.NDArray[np.bool_]:
        """Which mappings the memories hold; counts the others under the first that overflows."""
        fits = np.ones(count, np.bool_)
        for memory in self.accelerator.memories:
            if memory.capacity_bits is not None:
                held = held_bits(memory, self.problem, nest, self.widths, self.accelerator.neuron.state_level)
                fresh = fits & np.broadcast_to(held > memory.capacity_bits, count)
                self.rejected[f"{memory.name}: tiles larger than the memory"] += int(fresh.sum())
                fits &= ~fresh
        return fits


@dataclass(frozen=True)
class _Cuts:
    """Ways to cut one dimension: the places of its loops in a row, and one row of bounds a way."""

    places: Count
    bounds: Count

    @classmethod
    def of(cls, skeleton: Skeleton, dim: Dim, total: int) -> _Cuts:
        """All of them."""
        cuts, slots = skeleton.cuts(dim, total), skeleton.slots()
        return cls(np.array([slots.index(slot) for slot in cuts], np.int64), np.stack([*cuts.values()], 1))

    @property
    def none(self) -> _Cuts:
        """The one way to cut no dimension."""
        return _Cuts(self.places[:0], self.bounds[:1, :0])

    def product(self, places: list[int]) -> Count:
        """What those of the loops that stand at `places` multiply to."""
        return self.bounds[:, np.isin(self.places, places)].prod(axis=1)


def _in_pieces(tables: Iterator[Count]) -> Iterator[Count]:
    """The same rows in pieces that are neither tiny nor large."""
    waiting: list[Count] = []
    for table in tables:
        for start in range(0, len(table), _ROWS):
            waiting.append(table[start : start + _ROWS])
            if sum(map(len, waiting)) >= _ROWS:
                yield np.concatenate(waiting)
                waiting = []
    if waiting:
        yield np.concatenate(waiting)
