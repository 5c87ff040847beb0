"""Random pruning: the baseline every other pruner has to beat."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.bounds import Seed
from spareto.pruners._base import Pruner, PrunerEvidence


class RandomPruner(Pruner):
    """Every weight matters equally.

    Args:
        seed: Same seed, same masks; left out, the seed of the run.
    """

    def __init__(self, seed: Seed | None = None) -> None:
        self.seed = seed

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(evidence.seed if self.seed is None else self.seed)
        return {
            name: torch.rand(self.scored(weight), generator=generator).to(weight.device)
            for name, weight in weights.items()
        }

    def scored(self, weight: Tensor) -> tuple[int, ...]:
        """Shape of the scores of a weight."""
        return weight.shape
