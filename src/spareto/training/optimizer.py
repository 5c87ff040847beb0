"""The optimizer and its learning rate."""

from __future__ import annotations

import torch
from torch import nn

from spareto.records import TrainingPlan
from spareto.training.optimizers import Optimizer, Parameters, registry
from spareto.training.schedule import Phase, learning_rate_factor
from spareto.training.updating import keep_on_grid


def optimizer_of(plan: TrainingPlan, where: str = "training.optimizer") -> Optimizer:
    """The optimizer a plan asks for, as data.

    Args:
        plan: The plan.
        where: Its place, for messages.

    Raises:
        UnknownName: There is no such optimizer.
        ConfigError: It has no such option, or an option has a wrong value.
    """
    return registry.get(plan.optimizer.name).parse(plan.optimizer.options, f"{where}.options")


def make_optimizer(network: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """The optimizer of one phase, which keeps weights on the plan's grid, if it has one.

    Raises:
        UnknownName: There is no such optimizer.
        ConfigError: The network's weights cannot be trained by it.
    """
    optimizer = optimizer_of(plan).make(Parameters.of(network), plan)
    if plan.update is not None:
        keep_on_grid(optimizer, plan.update)
    return optimizer


def set_learning_rate(
    optimizer: torch.optim.Optimizer, plan: TrainingPlan, phase: Phase, step: int, batches: int
) -> float:
    """Set and return the learning rate of a step, counted over all epochs of `batches` steps each."""
    inside, steps = step - phase.first * batches, (phase.end - phase.first) * batches
    rate = plan.learning_rate * learning_rate_factor(inside, steps, plan.warmup_epochs * batches)
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_factor", 1.0)
    return rate
