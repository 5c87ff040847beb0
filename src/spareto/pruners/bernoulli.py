"""Channels that go by lot: the baseline every structured pruner has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.bounds import Seed
from spareto.pruners._base import Pruner, PrunerEvidence, Unit


class BernoulliPruner(Pruner):
    """Every output channel is as likely to go as any other; exactly the asked share goes.

    Args:
        seed: Same seed, same masks; left out, the seed of the run.

    Reference:
        balaskas2023 names it among its seven; each channel is drawn by itself there, their number exact here.
    """

    unit: ClassVar[Unit] = "channel"

    def __init__(self, seed: Seed | None = None) -> None:
        self.seed = seed

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(evidence.seed if self.seed is None else self.seed)
        return {
            name: torch.rand(weight.shape[0], generator=generator).to(weight.device)
            for name, weight in weights.items()
        }
