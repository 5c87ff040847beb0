"""Counters hooked onto a network's layers and neurons while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from spareto.neurons import SpikingNeuron
from spareto.profiling.activity import Activity
from spareto.profiling.kinds import COUNTED


@dataclass
class LayerCounter:
    """What is counted at one synaptic layer and the neurons it feeds.

    Args:
        name: Dotted name of the layer.
        module: The layer.
        neuron: The neurons behind it, once they have run.
        input: Non-zero inputs.
        output: Non-zero outputs of the layer itself.
        spikes: Spikes of its neurons.
        synops: Live weights met by a non-zero input.
    """

    name: str
    module: nn.Module
    neuron: SpikingNeuron | None = None
    input: Activity = field(default_factory=Activity)
    output: Activity = field(default_factory=Activity)
    spikes: Activity = field(default_factory=Activity)
    synops: Activity = field(default_factory=Activity)

    def end_batch(self, samples: int) -> None:
        """Close the counts of one batch."""
        for activity in (self.input, self.output, self.spikes, self.synops):
            activity.end_batch(samples)


class Counters:
    """Counts at every layer of a network, in the order the layers first ran."""

    def __init__(self) -> None:
        self.layers: list[LayerCounter] = []
        self._by_module: dict[nn.Module, LayerCounter] = {}

    def end_batch(self, samples: int) -> None:
        """Close the counts of one batch of `samples`."""
        for layer in self.layers:
            layer.end_batch(samples)

    def see_layer(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, *, name: str) -> None:
        """Note one call of a synaptic layer."""
        counter = self._by_module.get(module)
        if counter is None:
            counter = self._by_module[module] = LayerCounter(name, module)
        else:
            self.layers.remove(counter)
        self.layers.append(counter)
        counter.input.see(inputs[0])
        counter.output.see(output)
        counter.synops.see(inputs[0], effectual_synops(module, inputs[0]))

    def see_neuron(self, neuron: SpikingNeuron, _: tuple[Tensor, ...], spikes: Tensor) -> None:
        """Note the spikes `(time, batch, ...)` of the neurons behind the layer that ran last."""
        if self.layers:
            self.layers[-1].neuron = neuron
            self.layers[-1].spikes.see(spikes.flatten(0, 1))


@contextmanager
def counting(network: nn.Module) -> Iterator[Counters]:
    """Hook every synaptic layer and every neuron; the hooks are gone when the block ends."""
    counters = Counters()
    with ExitStack() as hooks:
        for name, module in network.named_modules():
            if isinstance(module, COUNTED):
                see: Any = partial(counters.see_layer, name=name)
            elif isinstance(module, SpikingNeuron):
                see = counters.see_neuron
            else:
                continue
            hooks.callback(module.register_forward_hook(see).remove)
        yield counters


def effectual_synops(module: nn.Module, inputs: Tensor) -> Tensor:
    """Live weights met by a non-zero input, exact at the borders.

    Args:
        module: A convolution or dense layer.
        inputs: Shape `(samples, ...)`.

    Returns:
        Counts, shape `(samples,)`, float64.
    """
    spikes = (inputs != 0).to(inputs.dtype)
    live = (module.weight != 0).to(inputs.dtype)  # pyright: ignore
    if isinstance(module, nn.Conv2d):
        met = F.conv2d(spikes, live, None, module.stride, module.padding, module.dilation, module.groups)
    else:
        met = F.linear(spikes, live)
    return met.flatten(1).double().sum(1)
