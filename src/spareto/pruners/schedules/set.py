"""Sparse evolutionary training: small weights make room for random ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import PrunerEvidence
from spareto.pruners.schedules._regrowth import Regrowing


class SparseEvolution(Regrowing):
    """At every update the smallest live weights of a layer are dropped and as many others grow at random.

    Args:
        exchange: Share of the live weights exchanged at the first update; it falls to 0 along a half cosine.
        end: Share of the training after which masks stay.
        rounds: Number of exchanges.

    Reference:
        mocanu2018; evci2020 for the cosine.
    """

    @override
    def growth(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(evidence.seed)
        return {
            name: torch.rand(weight.shape, generator=generator).to(weight.device)
            for name, weight in weights.items()
        }
