"""Stochastic gradient descent with momentum."""

from __future__ import annotations

import torch
from typing_extensions import override

from spareto.records import TrainingPlan
from spareto.records.training import Flag, Share
from spareto.training.optimizers._base import Optimizer, Parameters


class Sgd(Optimizer):
    """Stochastic gradient descent; weight decay is added to the gradient of the weights.

    Args:
        momentum: Share of the last step that the next one keeps.
        nesterov: Take the gradient as if that share were taken already; needs momentum.

    Reference:
        sutskever2013.
    """

    momentum: Share = 0.9
    nesterov: Flag = False

    @override
    def make(self, parameters: Parameters, plan: TrainingPlan) -> torch.optim.Optimizer:
        groups = [
            {"params": list(parameters.weights.values())},
            {"params": list(parameters.others.values()), "weight_decay": 0.0},
        ]
        return torch.optim.SGD(
            groups,
            lr=plan.learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov and self.momentum > 0,
            weight_decay=plan.weight_decay,
        )
