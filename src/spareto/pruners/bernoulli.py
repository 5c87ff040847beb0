"""Channels that go by lot: the baseline every structured pruner has to beat."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Unit
from spareto.pruners.random import RandomPruner


class BernoulliPruner(RandomPruner):
    """Every output channel is as likely to go as any other; exactly the asked share goes.

    Args:
        seed: Same seed, same masks; left out, the seed of the run.

    Reference:
        balaskas2023 names it among its seven; each channel is drawn by itself there, their number exact here.
    """

    unit: ClassVar[Unit] = "channel"

    @override
    def scored(self, weight: Tensor) -> tuple[int, ...]:
        return weight.shape[:1]
