"""What an optimizer of a training plan is: data that make one of torch's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from spareto.core.config import Record
from spareto.records import TrainingPlan


@dataclass(frozen=True)
class Parameters:
    """The trained parameters of a network, by dotted name.

    Args:
        weights: Weights of convolutions and dense layers: two or more dimensions, more than one a channel.
        others: Biases, batch norms, scales of quantizers, coefficients of neurons.
    """

    weights: Mapping[str, nn.Parameter]
    others: Mapping[str, nn.Parameter]

    @classmethod
    def of(cls, network: nn.Module) -> Parameters:
        """Those of a network that require a gradient."""
        trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
        weights = {
            name: value
            for name, value in trained.items()
            if value.dim() >= 2 and value.numel() > value.shape[0]
        }
        return cls(weights, {name: value for name, value in trained.items() if name not in weights})


class Optimizer(Record, ABC):
    """Data that make a torch optimizer; one file each in `training/optimizers/`, its fields are options."""

    @abstractmethod
    def make(self, parameters: Parameters, plan: TrainingPlan) -> torch.optim.Optimizer:
        """The optimizer of one phase of a training.

        Its first group holds the weights, its second the other parameters. A group's `lr` is set before
        every step to the plan's learning rate, warmed up and decayed, times the group's `lr_factor` if it
        has one. All that changes from step to step is kept in its state as tensors, so that a checkpoint
        holds it.

        Args:
            parameters: The network's.
            plan: Learning rate and weight decay.

        Raises:
            ConfigError: The parameters cannot be trained in this way.
        """
