"""Which weights a training ends with: the last, the best on held-out samples, or a mean of the last."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from spareto.training.checkpoint import load_checkpoint, put_weights, weights_of
from spareto.training.norms import Call, estimate_norms


class Best:
    """The weights of the best validation accuracy in the training's last phase.

    Earlier phases do not count: the network they left lacked steps of its recipe.

    Args:
        path: File that keeps them; None keeps them in memory.
        keep: Whether the weights are wanted back, not just the epoch they stood at.
    """

    def __init__(self, path: Path | None, *, keep: bool) -> None:
        self.path, self.keep = path, keep
        self.accuracy, self.epoch = 0.0, 0
        self._state: dict[str, Tensor] = {}

    @property
    def wanted(self) -> bool:
        """Whether there are weights to give back in the end."""
        return self.keep and self.epoch > 0

    def see(self, network: nn.Module, accuracy: float, epoch: int) -> bool:
        """Note the accuracy after an epoch; whether it is the best so far. Ties go to the earlier."""
        if self.epoch and accuracy <= self.accuracy:
            return False
        self.accuracy, self.epoch = accuracy, epoch
        if self.keep and self.path is None:
            self._state = {name: value.clone() for name, value in weights_of(network).items()}
        return True

    def restore(self, network: nn.Module) -> None:
        """Put the best weights back."""
        if self.path is None:
            put_weights(network, self._state)
        else:
            load_checkpoint(self.path, network)


class Average:
    """The mean of a network's parameters over several moments.

    Reference:
        izmailov2018: stochastic weight averaging.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: dict[str, Tensor] = {}

    @torch.no_grad()
    def see(self, network: nn.Module) -> None:
        """Take the present parameters into the mean."""
        self.count += 1
        for name, parameter in network.named_parameters():
            if name in self.mean:
                self.mean[name].lerp_(parameter, 1.0 / self.count)
            else:
                self.mean[name] = parameter.detach().clone()

    @torch.no_grad()
    def apply(self, network: nn.Module, batches: Iterable[Tensor], run: Call | None = None) -> None:
        """Give the network the mean, and batch norms statistics that fit it."""
        for name, parameter in network.named_parameters():
            parameter.copy_(self.mean[name])
        estimate_norms(network, batches, run)
