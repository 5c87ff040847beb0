"""Downhill from the fixed mapping, two dimensions at a time.

Two dimensions are cut anew in every way that fits, all others held; when no pair improves, each loop is
tried as the innermost of its level. It ends where neither helps, on every machine at the same mapping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from spareto.hardware.accelerator import Accelerator
from spareto.hardware.mapping.capacity import Widths, held_bits
from spareto.hardware.mapping.fixed import Key, fixed_mapping
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.mapping.tilings import Skeleton, first_bounds, sizes
from spareto.hardware.problem import Count, Dim, Problem
from spareto.hardware.traffic import Amount

_CHUNK = 20_000  # mappings evaluated at once: fast, and small in memory


@dataclass
class Descent:
    """One run from the fixed mapping downhill.

    Args:
        problem: The layer.
        accelerator: The chip and its dataflow.
        widths: Bits its elements take while they are held.
        value: What is to become small, one entry a mapping.
    """

    problem: Problem
    accelerator: Accelerator
    widths: Widths
    value: Callable[[Nest], Amount]
    evaluated: int = 0
    rejected: Counter[str] = field(default_factory=Counter[str])

    def run(self) -> Nest:
        """The mapping where no step helps any more.

        Raises:
            CapacityError: Not even a single iteration of the layer fits.
        """
        bounds = first_bounds(fixed_mapping(self.accelerator, self.problem, self.widths))
        skeleton = Skeleton.of(self.accelerator)
        value = float(self._evaluate(skeleton.nest(bounds))[0])
        while True:
            before = value
            bounds, value = self._recut(skeleton, bounds, value)
            skeleton, value = self._reorder(skeleton, bounds, value)
            if value >= before:
                return skeleton.nest(bounds)

    def _recut(
        self, skeleton: Skeleton, bounds: dict[Key, Count], value: float
    ) -> tuple[dict[Key, Count], float]:
        """Cut every pair of dimensions anew until no pair improves."""
        totals: dict[Dim, int] = {dim: total for dim, total in sizes(self.problem).items() if total > 1}
        cuts = {dim: skeleton.cuts(dim, total) for dim, total in totals.items()}
        pairs = list(combinations(totals, 2)) or [(dim, dim) for dim in totals]
        last_gain, turn = 0, 0
        while pairs and turn - last_gain < len(pairs):
            one, other = pairs[turn % len(pairs)]
            turn += 1
            for trial in _crossed(cuts[one], cuts[other] if other != one else {}):
                better = self._best(skeleton, {**bounds, **trial}, value)
                if better:
                    bounds, value = better
                    last_gain = turn
        return bounds, value

    def _reorder(self, skeleton: Skeleton, bounds: dict[Key, Count], value: float) -> tuple[Skeleton, float]:
        for order in skeleton.orders:
            for dim in order.dims:
                trial = skeleton.with_innermost(order.level, dim)
                better = self._evaluate(trial.nest(bounds))[0]
                if better < value:
                    skeleton, value = trial, better
        return skeleton, value

    def _best(
        self, skeleton: Skeleton, trial: dict[Key, Count], value: float
    ) -> tuple[dict[Key, Count], float] | None:
        """The best of many mappings if it beats `value`."""
        fits = self._fits(skeleton.nest(trial))
        kept = {key: bound if len(bound) == 1 else bound[fits] for key, bound in trial.items()}
        if not fits.any():
            return None
        values = np.broadcast_to(self._evaluate(skeleton.nest(kept)), int(fits.sum()))
        place = int(np.argmin(values))
        if values[place] >= value * (1 - 1e-12):
            return None
        chosen = {key: bound[min(place, len(bound) - 1)][None] for key, bound in kept.items()}
        return chosen, float(values[place])

    def _fits(self, nest: Nest) -> npt.NDArray[np.bool_]:
        """Which mappings fit; counts the others under the first rule they break."""
        count = max(len(loop.bound) for loop in nest.loops)
        fits = np.ones(count, np.bool_)
        for reason, broken in self._rules(nest):
            fresh = fits & np.broadcast_to(broken, count)
            self.rejected[reason] += int(fresh.sum())
            fits &= ~fresh
        return fits

    def _rules(self, nest: Nest) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
        for level in self.accelerator.levels:
            spread = np.ones(1, np.int64)
            for loop in nest.loops:
                if (loop.level, loop.kind) == (level.name, "spatial"):
                    spread = spread * loop.bound
            yield f"{level.name}: more instances than there are", spread > self.accelerator.fanout(level.name)
        for memory in self.accelerator.memories:
            if memory.capacity_bits is not None:
                held = held_bits(memory, self.problem, nest, self.widths, self.accelerator.neuron.state_level)
                yield f"{memory.name}: tiles larger than the memory", held > memory.capacity_bits

    def _evaluate(self, nest: Nest) -> Amount:
        self.evaluated += max(len(loop.bound) for loop in nest.loops)
        return self.value(nest)


def _crossed(one: dict[Key, Count], other: dict[Key, Count]) -> Iterator[dict[Key, Count]]:
    """Every cut of one dimension with every cut of the other, in pieces of bounded size."""
    rows = len(next(iter(one.values())))
    columns = len(next(iter(other.values()))) if other else 1
    for start in range(0, rows * columns, _CHUNK):
        index = np.arange(start, min(start + _CHUNK, rows * columns))
        crossed = {key: bound[index // columns] for key, bound in one.items()}
        yield crossed | {key: bound[index % columns] for key, bound in other.items()}
