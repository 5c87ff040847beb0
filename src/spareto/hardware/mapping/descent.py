"""Downhill from the fixed mapping, for many points of a layer at once.

Whatever is evaluated is evaluated for every point, and a point goes on from the best mapping it has seen.
The search ends when every point has seen all neighbours of its best mapping, on every machine at the same
mappings.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spareto.hardware.charging.traffic import Table
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import Count
from spareto.hardware.mapping.neighbours import Identity, Neighbours, Tiling
from spareto.hardware.mapping.tilings import Skeleton

_VALUES = 4_000_000  # values of points x mappings held at once
_TIE = 1e-9  # values closer than this are the same, whatever the order they were added up in


class Descent:
    """One search, for every point of a layer.

    Args:
        neighbours: The mappings there are.
        points: Number of points.
        value: What is to become small: shape (points, mappings) for the mappings of a nest.
    """

    def __init__(self, neighbours: Neighbours, points: int, value: Callable[[Nest], Table]) -> None:
        self.neighbours, self.value = neighbours, value
        self.evaluated = 0
        self._best = [neighbours.start] * points
        self._least = np.full(points, np.inf)

    def run(self) -> list[Tiling]:
        """For each point the mapping where no step helps any more."""
        start = self.neighbours.start
        self._offer(start.skeleton, start.bounds[None])
        cut: set[Identity] = set()
        ordered: set[Identity] = set()
        while True:
            if tiling := self._unseen(cut):
                for bounds in self.neighbours.recut(tiling):
                    self._offer(tiling.skeleton, bounds)
            elif tiling := self._unseen(ordered):
                for skeleton in tiling.skeleton.reordered():
                    self._offer(skeleton, tiling.bounds[None])
            else:
                return self._best

    def _unseen(self, seen: set[Identity]) -> Tiling | None:
        """The best mapping of a point whose neighbours are not evaluated yet; it is marked as taken."""
        for tiling in self._best:
            if tiling.identity not in seen:
                seen.add(tiling.identity)
                return tiling
        return None

    def _offer(self, skeleton: Skeleton, bounds: Count) -> None:
        """Evaluate mappings, one a row, for every point; each takes the best if it beats its own."""
        self.evaluated += len(bounds)
        piece = max(1, _VALUES // len(self._best))
        for start in range(0, len(bounds), piece):
            rows = bounds[start : start + piece]
            values = self.value(self.neighbours.nest(skeleton, rows))
            values = np.broadcast_to(values, (len(self._best), len(rows)))
            least = values.min(axis=1)
            better = np.flatnonzero(least < self._least * (1 - _TIE))
            self._least[better] = least[better]
            places = (values[better] <= least[better, None] * (1 + _TIE)).argmax(axis=1)
            taken = {place: Tiling(skeleton, rows[place].copy()) for place in set(places.tolist())}
            for point, place in zip(better.tolist(), places.tolist(), strict=True):
                self._best[point] = taken[place]
