"""The optimizer and its learning rate."""

from __future__ import annotations

import torch
from torch import nn

from spareto.records import TrainingPlan
from spareto.training.schedule import Phase, learning_rate_factor


def make_optimizer(network: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """Adam; weights of two or more dimensions decay, scales and batch norms do not."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2 and p.numel() > p.shape[0]]},
        {"params": [p for p in parameters if p.dim() < 2 or p.numel() == p.shape[0]], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay)


def set_learning_rate(
    optimizer: torch.optim.Optimizer, plan: TrainingPlan, phase: Phase, step: int, batches: int
) -> float:
    """Set and return the learning rate of a step, counted over all epochs of `batches` steps each."""
    inside, steps = step - phase.first * batches, (phase.end - phase.first) * batches
    rate = plan.learning_rate * learning_rate_factor(inside, steps, plan.warmup_epochs * batches)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
