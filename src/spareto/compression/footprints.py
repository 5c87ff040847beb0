"""How much memory a network takes that runs a batch: its weights, and the membranes of one layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spareto import kernels
from spareto.compression.layers import synaptic_layers
from spareto.compression.parametrization import weight_bits
from spareto.compression.tensors import original
from spareto.core.arguments import of_kind
from spareto.core.errors import ConfigError, Problem
from spareto.observing import undisturbed
from spareto.observing.calls import listening
from spareto.records.recipe import FLOAT_BITS
from spareto.running import refuse_no_module
from spareto.running.proving import outer_neurons
from spareto.training.norms import batch_norms
from spareto.widths import declared_bits


@dataclass(frozen=True)
class Footprint:
    """Memory of a network.

    Args:
        weight_bits: Bits of all weights, biases, and weights and biases of batch norms.
        membrane_bits: Bits of the stored state of the layer that has most, for one sample.
        layer: Name of that layer's neurons.
        neurons: Neurons of that layer.
    """

    weight_bits: int
    membrane_bits: int
    layer: str
    neurons: int

    @property
    def weight_bytes(self) -> float:
        """Bytes of the weights."""
        return self.weight_bits / 8


def footprint(network: nn.Module, frames: Tensor) -> Footprint:
    """Measure the memory of a network that runs layer by layer.

    Scales of quantizers, which a batch norm takes up, parameters of neurons and statistics of batch norms are
    not counted. Layers that share a weight store it once.

    Args:
        network: A network of Spareto's neurons, compressed or not; runs once, and is left as it was.
        frames: What it is called with, `(time, batch, ...)`; one timestep of one sample will do.

    Raises:
        ConfigError: It is no network, or no neurons of Spareto's ran in it.
    """
    refuse_no_module(network)
    of_kind(frames, Tensor, "frames", "a tensor (time, batch, ...)")
    neurons = _neurons(network, frames)
    if not neurons:
        got, rule = "no neurons of Spareto's that ran", "a network of them"
        raise ConfigError(Problem("network", got, rule, "Convert it first: spareto.convert."))
    largest = max(neurons, key=lambda name: neurons[name][1])
    count, bits = neurons[largest]
    return Footprint(_weight_bits(network), bits, largest, count)


def _neurons(network: nn.Module, frames: Tensor) -> dict[str, tuple[int, int]]:
    """Neurons and bits of stored state of every layer, by name."""
    known = {
        name: (module, facts) for name, module, facts in outer_neurons(network) if facts.axes == "time-batch"
    }
    found: dict[str, tuple[int, int]] = {}

    def see(name: str, module: nn.Module, _: Any, __: Any, spikes: Any) -> None:
        if isinstance(spikes, Tensor) and spikes.dim() >= 2 and spikes.shape[0] * spikes.shape[1]:
            facts = known[name][1]
            count = spikes.numel() // (spikes.shape[0] * spikes.shape[1])
            found[name] = count, count * facts.states * (facts.state_bits or FLOAT_BITS)

    watched = {name: module for name, (module, _) in known.items()}
    alone = undisturbed(network, training=False), torch.no_grad(), kernels.reference()
    with alone[0], alone[1], alone[2], listening(watched, after=see):
        network(frames)
    return found


def _weight_bits(network: nn.Module) -> int:
    bits: dict[int, int] = {}
    for layer in synaptic_layers(network).values():
        weight = original(layer, "weight")
        bits[id(weight)] = weight.numel() * weight_bits(layer)
        if getattr(layer, "bias", None) is not None:
            bias = original(layer, "bias")
            bits[id(bias)] = bias.numel() * (declared_bits(layer, "bias") or FLOAT_BITS)
    for norm in batch_norms(network):
        for parameter in norm.parameters(recurse=False):
            bits[id(parameter)] = parameter.numel() * FLOAT_BITS
    return sum(bits.values())
