"""Random pruning: the baseline every other pruner has to beat."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spareto.pruners._base import Pruner


class RandomPruner(Pruner):
    """Every weight matters equally.

    Args:
        seed: Same seed, same masks.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def scores(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Pruner.scores`."""
        generator = torch.Generator().manual_seed(self.seed)
        return {name: torch.rand(weight.shape, generator=generator) for name, weight in weights.items()}
