"""One of our networks, rebuilt layer by layer in other frameworks, with the same weights.

Each framework in the form its tutorials show: snnTorch and Norse step through time, SpikingJelly runs
layer by layer over all timesteps.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from spareto.networks import Network
from spareto.networks._vote import vote
from spareto.neurons.lif import LIF

SPIKE_GAIN = 0.5  # of our LIF of tau 2; snnTorch's takes its input unscaled


def parts(network: Network) -> list[nn.Module]:
    """The layers a network is made of, in order, without those that do nothing."""
    idle = (nn.Dropout, nn.Identity)
    return [m for m in network.modules() if next(m.children(), None) is None and not isinstance(m, idle)]


class _Peer(nn.Module):
    """Translates layer by layer; a framework says how in `kinds`.

    Args:
        network: The network to rebuild.
        kinds: What takes the place of each kind of layer: a function of our layer.
    """

    def __init__(self, network: Network, kinds: dict[type[nn.Module], Callable[[Any], nn.Module]]) -> None:
        super().__init__()
        self.classes = network.classes
        self.translated: list[nn.Module] = []
        for part in parts(network):
            if isinstance(part, nn.Linear) and not any(isinstance(m, nn.Linear) for m in self.translated):
                self.translated.append(kinds[nn.Flatten](part))
            self.translated.append(kinds[type(part)](part))
            if part.state_dict():
                self.translated[-1].load_state_dict(part.state_dict())


def _conv(conv: Any, make: Any, **options: Any) -> nn.Module:
    shape = (conv.in_channels, conv.out_channels, conv.kernel_size)
    return make(*shape, stride=conv.stride, padding=conv.padding, bias=conv.bias is not None, **options)


def _dense(layer: Any, make: Any, **options: Any) -> nn.Module:
    return make(layer.in_features, layer.out_features, bias=layer.bias is not None, **options)


def _kinds(neuron: Callable[[Any], nn.Module]) -> dict[type[nn.Module], Callable[[Any], nn.Module]]:
    """Torch's own layers for one timestep, and a framework's neuron."""
    return {
        nn.Conv2d: lambda conv: _conv(conv, nn.Conv2d),
        nn.Linear: lambda layer: _dense(layer, nn.Linear),
        nn.BatchNorm2d: lambda norm: nn.BatchNorm2d(norm.num_features),
        nn.BatchNorm1d: lambda norm: nn.BatchNorm1d(norm.num_features),
        nn.MaxPool2d: lambda pool: nn.MaxPool2d(pool.kernel_size),
        nn.Flatten: lambda _: nn.Flatten(1),
        LIF: neuron,
    }


class SnnTorch(_Peer):
    """snnTorch: an `nn.Sequential` of neurons that keep their state, stepped through time."""

    def __init__(self, network: Network) -> None:
        from snntorch import Leaky, surrogate, utils

        options = {"beta": 1 - SPIKE_GAIN, "init_hidden": True, "reset_mechanism": "zero"}
        super().__init__(network, _kinds(lambda _: Leaky(spike_grad=surrogate.atan(alpha=2.0), **options)))
        self.layers, self.reset = nn.Sequential(*self.translated), utils.reset
        _scale_currents(self.translated)

    def forward(self, frames: Tensor) -> Tensor:
        self.reset(self.layers)
        return vote(torch.stack([self.layers(now) for now in frames]), self.classes)


class SpikingJelly(_Peer):
    """SpikingJelly, multi-step, its torch backend."""

    def __init__(self, network: Network) -> None:
        from spikingjelly.activation_based import functional, layer, neuron, surrogate

        many = {"step_mode": "m"}
        lif = {"tau": 2.0, "detach_reset": True, "surrogate_function": surrogate.ATan()}
        super().__init__(
            network,
            {
                nn.Conv2d: lambda conv: _conv(conv, layer.Conv2d, **many),
                nn.Linear: lambda dense: _dense(dense, layer.Linear, **many),
                nn.BatchNorm2d: lambda norm: layer.BatchNorm2d(norm.num_features, **many),
                nn.BatchNorm1d: lambda norm: layer.BatchNorm1d(norm.num_features, **many),
                nn.MaxPool2d: lambda pool: layer.MaxPool2d(pool.kernel_size, **many),
                nn.Flatten: lambda _: layer.Flatten(**many),
                LIF: lambda _: neuron.LIFNode(**lif, **many),
            },
        )
        self.layers, self.reset = nn.Sequential(*self.translated), functional.reset_net

    def forward(self, frames: Tensor) -> Tensor:
        self.reset(self.layers)
        return vote(self.layers(frames), self.classes)


class Norse(_Peer):
    """Norse: a sequence of cells, stepped through time."""

    def __init__(self, network: Network) -> None:
        import norse.torch as norse

        # a timestep of 1 ms and a time constant of 2 ms
        parameters = norse.LIFBoxParameters(tau_mem_inv=torch.as_tensor(1e3 * SPIKE_GAIN))
        super().__init__(network, _kinds(lambda _: norse.LIFBoxCell(parameters)))
        self.layers = norse.SequentialState(*self.translated)

    def forward(self, frames: Tensor) -> Tensor:
        state, spikes = None, []
        for now in frames:
            fired, state = self.layers(now, state)
            spikes.append(fired)
        return vote(torch.stack(spikes), self.classes)


PEERS = {"snntorch": SnnTorch, "spikingjelly": SpikingJelly, "norse": Norse}


@torch.no_grad()
def _scale_currents(layers: list[nn.Module]) -> None:
    """Scale what enters each neuron by its gain, in the layer before it."""
    for before, neuron in pairwise(layers):
        if type(neuron).__name__ == "Leaky":
            for parameter in before.parameters():
                parameter.mul_(SPIKE_GAIN)
