"""Counters hooked onto a network's layers and neurons while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem
from spareto.layers.spiking_block import SpikingBlock
from spareto.neurons import SpikingNeuron
from spareto.profiling.activity import Activity
from spareto.profiling.kinds import CONVOLUTIONS, COUNTED, SHORTCUT
from spareto.records import FreeLayer


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
        effectual: Live weights met by a non-zero input.
        reached: Weights, zeros included, met by a non-zero input.
        touched: Outputs with a live weight that met a non-zero input.
    """

    name: str
    module: nn.Module
    neuron: SpikingNeuron | None = None
    input: Activity = field(default_factory=Activity)
    output: Activity = field(default_factory=Activity)
    spikes: Activity = field(default_factory=Activity)
    effectual: Activity = field(default_factory=Activity)
    reached: Activity = field(default_factory=Activity)
    touched: Activity = field(default_factory=Activity)

    def end_batch(self, samples: int) -> None:
        """Close the counts of one batch."""
        counted = (self.input, self.output, self.spikes, self.effectual, self.reached, self.touched)
        for activity in counted:
            activity.end_batch(samples)


class Counters:
    """Counts at every layer of a network, in the order the layers first ran."""

    def __init__(self) -> None:
        self.layers: list[LayerCounter] = []
        self.shortcuts: dict[str, FreeLayer] = {}
        self._by_module: dict[nn.Module, LayerCounter] = {}
        self._neurons: set[nn.Module] = set()
        self._batch = 0

    def begin_batch(self, samples: int) -> None:
        """Say how many samples the next calls carry."""
        self._batch = samples

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
        seen = _as_samples(module, inputs[0], name)
        counter.input.see(seen, batch=self._batch)
        counter.output.see(_as_samples(module, output, name), batch=self._batch)
        weight: Tensor = module.weight  # pyright: ignore[reportAssignmentType]
        met = met_by_output(module, seen, weight)
        counter.effectual.see(seen, met.double().sum(1))
        counter.touched.see(seen, (met > 0).sum(1).double())
        counter.reached.see(seen, reached_synops(module, seen))

    def see_neuron(self, neuron: SpikingNeuron, _: tuple[Tensor, ...], spikes: Tensor, *, name: str) -> None:
        """Note the spikes `(time, batch, ...)` of the neurons behind the layer that ran last."""
        if not self.layers or self.layers[-1].neuron not in (None, neuron):
            got = "a second neuron" if self.layers else "a neuron before any layer"
            rule = "one neuron behind each convolution or dense layer"
            raise ConfigError(Problem(f"layer '{name}'", got, rule, "It would be costed as nothing."))
        self._neurons.add(neuron)
        self.layers[-1].neuron = neuron
        self.layers[-1].spikes.see(spikes.flatten(0, 1), batch=self._batch)

    def see_block(
        self, _: SpikingBlock, inputs: tuple[Any, ...], others: dict[str, Any], *, name: str
    ) -> None:
        """Note a block that got a shortcut to its neurons."""
        given = inputs[1] if len(inputs) > 1 else others.get("shortcut")
        if given is not None:
            shortcut = f"{name}.shortcut".lstrip(".")
            self.shortcuts[shortcut] = FreeLayer(name=shortcut, kind="shortcut", why=SHORTCUT)

    def refuse_unseen(self, network: nn.Module) -> None:
        """Refuse a network with layers or neurons that did not run as modules."""
        inner = inner_neurons(network)
        unseen = [
            Problem(f"layer '{name}'", "no call", "a module that the network calls", "Call it, or remove it.")
            for name, module in network.named_modules()
            if isinstance(module, (*COUNTED, SpikingNeuron))
            and module not in inner
            and module not in self._by_module
            and module not in self._neurons
        ]
        if unseen:
            raise ConfigError(unseen)


@contextmanager
def counting(network: nn.Module) -> Iterator[Counters]:
    """Hook every synaptic layer and every neuron; the hooks are gone when the block ends.

    Raises:
        ConfigError: A layer or a neuron ran in a way that cannot be counted, or did not run.
    """
    counters, inner = Counters(), inner_neurons(network)
    with ExitStack() as hooks:
        for name, module in network.named_modules():
            if isinstance(module, COUNTED):
                see: Any = partial(counters.see_layer, name=name)
            elif isinstance(module, SpikingNeuron) and module not in inner:
                see = partial(counters.see_neuron, name=name)
            elif isinstance(module, SpikingBlock):
                see = partial(counters.see_block, name=name)
                hooks.callback(module.register_forward_pre_hook(see, with_kwargs=True).remove)
                continue
            else:
                continue
            hooks.callback(module.register_forward_hook(see).remove)
        yield counters
        counters.refuse_unseen(network)


def inner_neurons(network: nn.Module) -> set[nn.Module]:
    """Neurons that are part of another, which counts for both."""
    outer = (module for module in network.modules() if isinstance(module, SpikingNeuron))
    return {
        inner
        for neuron in outer
        for inner in neuron.modules()
        if inner is not neuron and isinstance(inner, SpikingNeuron)
    }


def _as_samples(module: nn.Module, tensor: Tensor, name: str) -> Tensor:
    """`tensor` as `(samples, ...)`; a dense layer may also be given `(time, batch, features)`."""
    if isinstance(module, nn.Linear) and tensor.dim() == 3:
        return tensor.flatten(0, 1)
    expected = 2 + plane_axes(module)
    if tensor.dim() != expected:
        rule = f"{expected} axes, time and batch merged into the first"
        raise ConfigError(Problem(f"layer '{name}'", f"a tensor of shape {tuple(tensor.shape)}", rule))
    return tensor


def plane_axes(module: nn.Module) -> int:
    """Axes a synaptic layer slides along: 2, 1, or none."""
    return len(module.kernel_size) if isinstance(module, CONVOLUTIONS) else 0


def met_by_output(module: nn.Module, inputs: Tensor, weight: Tensor) -> Tensor:
    """Non-zero weights met by a non-zero input, exact at the borders.

    Args:
        module: The convolution or dense layer whose geometry counts.
        inputs: Shape `(samples, ...)`.
        weight: Shape of the layer's weight, or with a single output channel a group.

    Returns:
        Counts of every output, shape `(samples, outputs)`.
    """
    spikes, live = (inputs != 0).to(inputs.dtype), (weight != 0).to(inputs.dtype)
    if isinstance(module, CONVOLUTIONS):
        convolve = F.conv1d if isinstance(module, nn.Conv1d) else F.conv2d
        met = convolve(spikes, live, None, module.stride, module.padding, module.dilation, module.groups)
    else:
        met = F.linear(spikes, live)
    return met.flatten(1)


def reached_synops(module: nn.Module, inputs: Tensor) -> Tensor:
    """Weights, zeros included, met by a non-zero input; summed over the outputs.

    All output channels of a group see the same inputs, so one of them is counted for all.
    """
    weight: Tensor = module.weight  # pyright: ignore[reportAssignmentType]
    groups = module.groups if isinstance(module, CONVOLUTIONS) else 1
    one_channel = torch.ones((groups, *weight.shape[1:]), dtype=inputs.dtype)
    return met_by_output(module, inputs, one_channel).double().sum(1) * (weight.shape[0] // groups)
