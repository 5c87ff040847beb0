"""What a pruner is: it scores weights; the lowest scores go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor


class Pruner(ABC):
    """Scores the weights of a network; one file each in `pruners/`."""

    @abstractmethod
    def scores(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How much each weight matters.

        Args:
            weights: Layer name to weight, any shape.

        Returns:
            Layer name to finite scores of the weight's shape; higher means keep.
        """
