"""Adam with decoupled weight decay."""

from __future__ import annotations

import torch
from typing_extensions import override

from spareto.records import TrainingPlan
from spareto.training.optimizers._base import Optimizer, Parameters


class Adam(Optimizer):
    """Adam; weights decay, scales and batch norms do not.

    Reference:
        kingma2015; loshchilov2019 for the decay.
    """

    @override
    def make(self, parameters: Parameters, plan: TrainingPlan) -> torch.optim.Optimizer:
        groups = [
            {"params": list(parameters.weights.values())},
            {"params": list(parameters.others.values()), "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay)
