"""Prioritised replay: what surprised more is replayed more often."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Item = TypeVar("Item")
Floats = npt.NDArray[np.float64]
_LEAST = 1e-6


class ReplayMemory(Generic[Item]):
    """Transitions with priorities; the oldest make room.

    Args:
        capacity: Transitions kept.
        alpha: How much priorities count; 0 draws all alike.
        beta: How much of the bias of drawing is taken back by the weights; 1 takes all of it.

    Reference:
        schaul2016, equations 1 and 2, proportional priorities.
    """

    def __init__(self, capacity: int = 100_000, alpha: float = 0.4, beta: float = 0.6) -> None:
        self._capacity, self._alpha, self._beta = capacity, alpha, beta
        self._items: list[Item] = []
        self._priorities: list[float] = []

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item) -> None:
        """Keep a transition with the largest priority there is, so that it is seen soon."""
        self._items.append(item)
        self._priorities.append(max(self._priorities, default=1.0))
        if len(self._items) > self._capacity:
            del self._items[0], self._priorities[0]

    def probabilities(self) -> Floats:
        """How likely each transition is to be drawn."""
        powers = np.power(np.array(self._priorities), self._alpha)
        return powers / powers.sum()

    def sample(self, count: int, generator: np.random.Generator) -> tuple[list[int], list[Item], Floats]:
        """Draw transitions with replacement.

        Returns:
            Their places, the transitions, and weights that take the bias of drawing back, at most 1.
        """
        chances = self.probabilities()
        places = generator.choice(len(self._items), count, p=chances).tolist()
        weights = np.power(len(self._items) * chances[places], -self._beta)
        return places, [self._items[place] for place in places], weights / weights.max()

    def surprise(self, places: list[int], errors: Floats) -> None:
        """Set the priorities of transitions to the size of their errors."""
        for place, error in zip(places, errors.tolist(), strict=True):
            self._priorities[place] = abs(error) + _LEAST
