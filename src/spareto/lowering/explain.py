"""What became what: widths that are proven, and how far the integers are from the floats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from spareto.compression.copies import copy_of
from spareto.integer import IntegerLayer
from spareto.integer.intervals import Bounds
from spareto.kernels import dense, reference
from spareto.lowering.lowered import Lowered
from spareto.lowering.module import IntegerModule
from spareto.lowering.walking import Scale
from spareto.neurons import SpikingNeuron


@dataclass(frozen=True)
class ExplainedLayer:
    """One layer, explained.

    Args:
        name: Dotted name.
        weights: Number of weights.
        bits: Width of a stored one.
        zeros: Share of weights that are 0.
        exact: Whether the integers are the quantizer's codes, or rounded levels of its table.
        sum_low: Smallest sum.
        sum_high: Largest sum.
        sum_bits: Bits that hold every sum.
        neuron_bits: Bits that hold every number inside the neurons.
        state_bits: Width of a stored state.
        fraction: Binary digits of a state behind the point.
        saturates: Level at which a potential saturates, in thresholds of the float network's units; None
            where none can.
        decay: Share of the potential kept, as it became.
        worst: Largest deviation of a current from the float network's, proven, as a share of the threshold.
    """

    name: str
    weights: int
    bits: int
    zeros: float
    exact: bool
    sum_low: int
    sum_high: int
    sum_bits: int
    neuron_bits: int
    state_bits: int
    fraction: int
    saturates: float | None
    decay: float
    worst: float


@dataclass(frozen=True)
class Deviation:
    """How a lowered network differs from its float twin on some samples.

    Args:
        samples: How many.
        spikes: Share of each layer's spikes and silences that differ, by its name.
        decisions: Share of the samples whose decision differs.
        rates: Largest difference of a class's firing rate.
    """

    samples: int
    spikes: dict[str, float]
    decisions: float
    rates: float


def explained(lowered: Lowered) -> list[ExplainedLayer]:
    """One row per layer."""
    pairs = enumerate(zip(lowered.network.nodes, lowered.bounds, strict=True))
    return [
        _row(node, bound, lowered.scales[number])
        for number, (node, bound) in pairs
        if isinstance(node, IntegerLayer)
    ]


def _row(layer: IntegerLayer, bound: Bounds, scale: Scale) -> ExplainedLayer:
    neuron, weights = layer.neuron, layer.synapses.weights
    can = bound.potential is None or bound.potential > neuron.most
    threshold = max(abs(neuron.threshold), 1)
    off = np.abs(layer.multiplier - scale.multiplier) * np.maximum(-bound.low, bound.high)
    off = off + np.abs(layer.bias - scale.bias)
    return ExplainedLayer(
        name=layer.name,
        weights=weights.size,
        bits=layer.synapses.bits,
        zeros=1.0 - np.count_nonzero(weights) / weights.size,
        exact=scale.weights.exact,
        sum_low=int(bound.low.min()),
        sum_high=int(bound.high.max()),
        sum_bits=_width(bound.sums),
        neuron_bits=_width(bound.wide),
        state_bits=neuron.bits,
        fraction=neuron.fraction,
        saturates=math.ldexp(neuron.most, neuron.shift) / threshold if can else None,
        decay=math.ldexp(neuron.decay, -neuron.shift),
        worst=float(off.max()) / threshold,
    )


def _width(most: int) -> int:
    """Bits of a signed number of that magnitude."""
    return int(most).bit_length() + 1


@torch.no_grad()
def deviations(lowered: Lowered, network: nn.Module, frames: Tensor) -> Deviation:
    """Run both on the same frames.

    Args:
        lowered: The integers.
        network: The network that was lowered; left as it was.
        frames: Shape `(time, batch, channels, height, width)`, integers, before `input_step`.
    """
    twin, fired = copy_of(network).eval(), dict[str, Tensor]()

    def keep(name: str) -> object:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            fired[name] = output

        return hook

    outermost = _neurons(twin)
    for name, neuron in outermost.items():
        neuron.register_forward_hook(keep(name))  # pyright: ignore[reportArgumentType]
    with reference():
        answer = dense(twin(frames.float() * lowered.network.input_step))
    module = IntegerModule(lowered.network)
    wires = module.outputs(frames)
    spikes: dict[str, float] = {}
    for node, wire in zip(lowered.network.nodes, wires, strict=True):
        if isinstance(node, IntegerLayer):
            theirs = fired[f"{node.name.rpartition('.')[0]}.neuron".lstrip(".")]
            spikes[node.name] = float((theirs.reshape(wire.shape) != wire).float().mean())
    rates = module(frames)
    if answer.shape != rates.shape:  # layers in a row, which do not vote themselves
        answer = answer.mean(0).flatten(1).unflatten(1, (lowered.network.classes, -1)).mean(2)
    differ = (answer.argmax(1) != rates.argmax(1)).float().mean()
    return Deviation(frames.shape[1], spikes, float(differ), float((answer - rates).abs().max()))


def _neurons(network: nn.Module) -> dict[str, SpikingNeuron]:
    """The outermost neurons by dotted name."""
    found = {name: m for name, m in network.named_modules() if isinstance(m, SpikingNeuron)}
    inner = {name for name in found for other in found if name.startswith(f"{other}.") and name != other}
    return {name: module for name, module in found.items() if name not in inner}
