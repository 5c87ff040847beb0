"""What layers of neurons emit while a network runs in training: firing rates, and votes over time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem
from spareto.kernels import Spikes, dense
from spareto.observing.calls import listening
from spareto.running.outputs import leaves
from spareto.training.health import spiking_layers


class LayersSeen:
    """A context in which the spikes of every layer of neurons are noted, with their gradient.

    A layer that runs fused is watched behind its pooling, and stays fused: behind an average pooling that
    covers all pixels its rate is that of its neurons, behind a max pooling that of windows with a spike.

    Args:
        network: The network that will run.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._rates: dict[str, list[Tensor]] = {}
        self._last: Tensor | Spikes | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        watched = spiking_layers(self.network)

        def see(name: str, _: nn.Module, __: Any, ___: Any, spikes: Any) -> None:
            if spikes is None:
                return
            found = spikes if isinstance(spikes, Spikes | Tensor) else spikes[watched[name][1]]
            self._rates.setdefault(name, []).append(_rate(found))
            self._last = found if isinstance(found, Spikes | Tensor) else None

        modules = {name: module for name, (module, _) in watched.items()}
        self._stack.enter_context(listening(modules, after=see))
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    def distance(self, target: float) -> Tensor:
        """Sum over hidden layers of the squared distance of their mean firing rate from a target.

        Hidden are all layers of neurons but the first and the last, in the order they ran.

        Raises:
            ConfigError: There is no hidden layer.

        Reference:
            wei2024 (Q-SNN), equation 15, with target 0.5.
        """
        rates = [torch.stack(found).mean() for found in self._rates.values()]
        if len(rates) < 3:
            got, rule = f"{len(rates)} layers of neurons", "a hidden one, between the first and the last"
            raise ConfigError(Problem("training.rate_weight", got, rule, "Leave it out."))
        return torch.stack([(rate - target).square() for rate in rates[1:-1]]).sum()

    def votes(self, rates: Tensor) -> Tensor:
        """The votes of the last layer of neurons at each timestep, `(time, batch, classes)`.

        Args:
            rates: The network's answer `(batch, classes)`, which their mean over time has to be.

        Raises:
            ConfigError: It is not: the answer is no vote of the last layer over all timesteps.
        """
        last = None if self._last is None else dense(self._last)
        if last is not None and last.dim() == 3 and last.shape[-1] % rates.shape[1] == 0:
            votes = last.unflatten(-1, (rates.shape[1], -1)).mean(-1)
            if votes.shape[1:] == rates.shape and torch.allclose(votes.mean(0), rates, atol=1e-4):
                return votes
        rule = "a network that answers with the mean votes of its last layer of neurons"
        cure = "Use one of Spareto's networks, or loss 'cross_entropy_rate'."
        raise ConfigError(Problem("training.loss", "'cross_entropy_time'", rule, cure))


def _rate(spikes: Any) -> Tensor:
    """Mean number of spikes per neuron and timestep, differentiable."""
    if isinstance(spikes, Spikes):
        return spikes.rate()
    return torch.stack([tensor.float().mean() for tensor in leaves(spikes)]).mean()
