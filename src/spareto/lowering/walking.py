"""Modules to nodes: one function per kind of layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from spareto.converting.layers import SteadyDropout
from spareto.core.errors import ConfigError, Problem
from spareto.integer.intervals import sum_range
from spareto.integer.network import (
    INPUT,
    Attention,
    Feedback,
    IntegerLayer,
    Join,
    Node,
    Pair,
    Pool,
    Shape,
    Synapses,
    as_ints,
)
from spareto.layers import SpikingLayer
from spareto.layers.residual import Residual
from spareto.layers.tcja import TCJA
from spareto.lowering.neurons import Found, folded_gain, found_in, integer_neuron, multiplier, place
from spareto.lowering.weights import Integers, integers_of
from spareto.networks import Network
from spareto.widths import value_in_use

GATE_BITS: Final = 8
"""Binary digits of a gate of the attention."""

_AT_REST: Final = (nn.modules.dropout._DropoutNd, SteadyDropout)  # pyright: ignore[reportPrivateUsage]
"""What does nothing but in training."""

TABLE: Final = 1024
"""Gates in the table, over -8 to 8."""


@dataclass(frozen=True)
class NodeOutput:
    """What one node gives.

    Args:
        source: Number of the node; `INPUT` for the network's input.
        shape: Channels, height, width.
        most: Largest integer on it.
        unit: What 1 stands for in the float network.
    """

    source: int
    shape: Shape
    most: int
    unit: float


@dataclass(frozen=True, eq=False)
class Scale:
    """What a layer's integers were before they were rounded.

    Args:
        weights: Its weights, as integers.
        multiplier: Of each channel's sums, wide units, not rounded.
        bias: Of each channel, wide units, not rounded.
        wide: Wide units of 1.
    """

    weights: Integers
    multiplier: Any
    bias: Any
    wide: float


@dataclass
class Walk:
    """Nodes made so far.

    Args:
        state_bits: Width of a stored state; None takes what is proven to be enough.
        nodes: In order.
        scales: What layers were before they were rounded, by the node's number.
    """

    state_bits: int | None = None
    nodes: list[Node] = field(default_factory=list[Node])
    scales: dict[int, Scale] = field(default_factory=dict[int, Scale])

    def module(self, module: nn.Module, name: str, wire: NodeOutput) -> NodeOutput:
        """Append the nodes of a module.

        Raises:
            ConfigError: There are no integers for it.
        """
        for kind, lowered in _KINDS.items():
            if isinstance(module, kind):
                return lowered(self, module, name, wire)
        raise _unknown(module, name)

    def add(self, node: Node) -> int:
        """Append a node; its number."""
        self.nodes.append(node)
        return len(self.nodes) - 1


def _network(walk: Walk, module: Network, name: str, wire: NodeOutput) -> NodeOutput:
    for part in ("features", "readout"):
        if hasattr(module, part):
            wire = walk.module(getattr(module, part), _inside(name, part), wire)
    return wire


def _chain(walk: Walk, module: nn.Sequential, name: str, wire: NodeOutput) -> NodeOutput:
    for child, part in module.named_children():
        wire = walk.module(part, _inside(name, child), wire)
    return wire


def _nothing(walk: Walk, module: nn.Module, name: str, wire: NodeOutput) -> NodeOutput:
    return wire


def _spiking(walk: Walk, module: SpikingLayer, name: str, wire: NodeOutput) -> NodeOutput:
    """A layer whose parts feed each other: what multiplies, a norm, neurons; and what stands around them."""
    parts = module.chain()
    if parts is None:
        raise _unknown(module, name)
    names = list(parts)
    first = names.index(module.sums) if module.sums else 0
    last = names.index(module.fires) + 1 if module.fires else 0
    for part in names[:first]:
        if not isinstance(parts[part], _AT_REST):
            wire = walk.module(parts[part], _inside(name, part), wire)
    if last:
        inner = [parts[part] for part in names[first:last]]
        if len(inner) > 3:
            raise _unknown(inner[2], name)
        norm = inner[1] if len(inner) == 3 else None
        place, geometry = _inside(name, module.sums), _geometry(inner[0], name, wire)
        wire = _layer(walk, place, inner[0], norm, inner[-1], wire, geometry)
    for part in names[last:]:
        wire = walk.module(parts[part], _inside(name, part), wire)
    return wire


def _geometry(weights: Any, name: str, wire: NodeOutput) -> dict[str, Any]:
    """How a layer's weights meet what comes in."""
    if isinstance(weights, nn.Linear):
        if math.prod(wire.shape) != weights.in_features:
            raise _misfit(name, wire, f"{weights.in_features} features")
        return {"flat": True}
    if not isinstance(weights, nn.Conv2d):
        raise _unknown(weights, name)
    if weights.padding_mode != "zeros" or isinstance(weights.padding, str):
        got, rule = f"padding {weights.padding!r} of mode {weights.padding_mode!r}", "numbers of zeros"
        raise ConfigError(Problem(f"layer '{name}.conv'", got, rule, "Pad with zeros."))
    if wire.shape[0] != weights.in_channels:
        raise _misfit(name, wire, f"{weights.in_channels} channels")
    return {key: getattr(weights, key) for key in ("stride", "padding", "dilation", "groups")}


def _layer(
    walk: Walk,
    name: str,
    weights: Any,
    norm: nn.Module | None,
    neuron: Any,
    wire: NodeOutput,
    geometry: dict[str, Any],
) -> NodeOutput:
    found = found_in(neuron, name)
    integers = integers_of(weights, name)
    synapses = _synapses(integers, **geometry)
    factor, shift = _norm(norm, weights, name)
    feedback = None if found.feedback is None else integers_of(found.feedback, f"{name}.feedback")
    if feedback is not None and not synapses.flat:
        got, cure = "recurrent neurons behind a convolution", "Use them behind dense layers."
        raise ConfigError(Problem(f"neuron of '{name}'", got, "neurons in a row", cure))
    if found.feedback is not None and found.feedback.bias is not None:
        shift = shift + _floats(found.feedback.bias)
    gain = float(found.dynamics.gain)
    low, high = sum_range(synapses, wire.most)
    scale = np.abs(integers.step * factor * wire.unit)
    drive = np.maximum(np.abs(low), np.abs(high)) * scale + np.abs(shift)
    if feedback is not None:
        drive = drive + np.abs(feedback.values).sum(1) * feedback.step * max(found.counts or 1, 1)
    point = place(found, float(drive.max()) * abs(gain), walk.state_bits)
    counts = _counts(found, float(drive.max()) * abs(gain))
    factors = multiplier(integers.step, factor, found, point, wire.unit)
    own = multiplier(np.ones(len(shift)), shift, found, point, 1.0)
    lowered = IntegerLayer(
        name,
        wire.source,
        synapses,
        factors,
        own,
        integer_neuron(found, point, counts),
        None if feedback is None else _feedback(feedback, found, point),
    )
    number = walk.add(lowered)
    gained = folded_gain(found) * point.wide
    real = integers.step * factor * wire.unit * gained
    walk.scales[number] = Scale(integers, real, shift * gained, point.wide)
    return NodeOutput(number, synapses.output_shape(wire.shape), counts or 1, 1.0)


def _feedback(integers: Integers, found: Found, point: Any) -> Feedback:
    factors = multiplier(integers.step, np.full(len(integers.step), found.spike), found, point, 1.0)
    return Feedback(_synapses(integers, flat=True), factors)


def _counts(found: Found, drive: float) -> int | None:
    """The most a neuron may fire at once: as it says, else as its largest current allows."""
    if found.counts is None:
        return None
    beta = abs(float(found.dynamics.beta))
    largest = drive / (1.0 - beta) if beta < 1.0 else 64.0 * found.dynamics.v_threshold + drive
    return found.counts or max(1, math.ceil(largest / found.dynamics.v_threshold) + 1)


def _synapses(integers: Integers, **geometry: Any) -> Synapses:
    values = integers.values
    if values.ndim == 2:
        values = values[:, :, None, None]
    return Synapses(values, integers.bits, integers.levels, **geometry)


def _norm(norm: nn.Module | None, layer: nn.Module, name: str) -> tuple[Any, Any]:
    """Factor and shift of each channel: bias and batch norm together."""
    outputs = len(value_in_use(layer, "weight"))
    bias = np.zeros(outputs) if layer.bias is None else _floats(value_in_use(layer, "bias"))
    if norm is None or type(norm) is nn.Identity:
        return np.ones(outputs), bias
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) or norm.running_mean is None:
        rule = "a batch norm with running statistics, or none"
        raise ConfigError(Problem(f"norm of '{name}'", type(norm).__name__, rule, "Train it with them."))
    assert norm.running_var is not None
    factor = 1.0 / np.sqrt(_floats(norm.running_var) + norm.eps)
    if norm.weight is not None:
        factor = factor * _floats(norm.weight)
    shift = (bias - _floats(norm.running_mean)) * factor
    return factor, shift if norm.bias is None else shift + _floats(norm.bias)


def _pool(walk: Walk, module: nn.Module, name: str, wire: NodeOutput) -> NodeOutput:
    channels, *sides = wire.shape
    if isinstance(module, nn.AdaptiveAvgPool2d):
        if module.output_size not in (1, (1, 1)):
            got, cure = f"output size {module.output_size}", "Use AvgPool2d."
            raise ConfigError(Problem(f"pooling '{name}'", got, "1", cure))
        kernel, stride, padding = _pair(sides), _pair(sides), (0, 0)
    else:
        pool: Any = module
        kernel, stride, padding = _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding)
    largest = isinstance(module, nn.MaxPool2d)
    _check_pool(module, name)
    meta = torch.zeros((1, channels, *sides), device="meta")
    size = tuple(module(meta).shape[2:])
    kind = "max" if largest else "sum"
    number = walk.add(Pool(name, wire.source, kind, kernel, stride, padding, _pair(size)))
    windows = 1 if largest else math.prod(kernel)
    return NodeOutput(number, (channels, *_pair(size)), wire.most * windows, wire.unit / windows)


def _check_pool(module: Any, name: str) -> None:
    """Refuse windows of which not all have the same divisor, and those with holes."""
    if isinstance(module, nn.MaxPool2d):
        wrong = "dilation" if _pair(module.dilation) != (1, 1) else ""
        wrong = wrong or ("return_indices" if module.return_indices else "")
    elif isinstance(module, nn.AvgPool2d):
        wrong = "ceil_mode" if module.ceil_mode else ""
        wrong = wrong or ("divisor_override" if module.divisor_override is not None else "")
        partial = not module.count_include_pad and _pair(module.padding) != (0, 0)
        wrong = wrong or ("padding that is not counted" if partial else "")
    else:
        wrong = ""
    if wrong:
        got, rule = wrong, "windows of one size without holes"
        raise ConfigError(Problem(f"pooling '{name}'", got, rule, "Use a plain pooling."))


def _residual(walk: Walk, module: Residual, name: str, wire: NodeOutput) -> NodeOutput:
    body = walk.module(module.body, _inside(name, "body"), wire)
    other = wire if module.shortcut is None else walk.module(module.shortcut, _inside(name, "shortcut"), wire)
    if other.source == INPUT:
        got, cure = "a shortcut around the first layer", "Put a layer before it."
        raise ConfigError(Problem(f"layer '{name}'", got, "one between layers", cure))
    if body.shape != other.shape:
        raise _misfit(name, body, f"the shape of its shortcut, {other.shape}")
    if module.connect != "add":
        if max(body.most, other.most) > 1:
            got, cure = f"connect '{module.connect}' of counts", "Use connect='add'."
            raise ConfigError(Problem(f"layer '{name}'", got, "a gate of spikes", cure))
        gate = "and" if module.connect == "and" else "iand"
        number = walk.add(Join(name, body.source, other.source, gate))
        return NodeOutput(number, body.shape, 1, 1.0)
    factors, unit = _common(body.unit, other.unit, name)
    number = walk.add(Join(name, body.source, other.source, "add", factors))
    return NodeOutput(number, body.shape, factors[0] * body.most + factors[1] * other.most, unit)


def _common(a: float, b: float, name: str) -> tuple[Pair, float]:
    """Whole factors that bring two units to one."""
    for times in range(1, 4097):
        if abs(a / b * times - round(a / b * times)) < 1e-9 and round(a / b * times) >= 1:
            return (round(a / b * times), times), b / times
    got, rule = f"units {a:g} and {b:g}", "units with a small common multiple"
    raise ConfigError(Problem(f"layer '{name}'", got, rule, "Pool both sides alike."))


def _tcja(walk: Walk, module: TCJA, name: str, wire: NodeOutput) -> NodeOutput:
    channels, height, width = wire.shape
    if channels != module.channels:
        raise _misfit(name, wire, f"{module.channels} channels")
    temporal, channel = (integers_of(getattr(module, p), f"{name}.{p}") for p in ("temporal", "channel"))
    if len({*temporal.step, *channel.step}) > 2 or (temporal.step != temporal.step[0]).any():
        got, cure = "one scale a channel", "Quantize it with granularity: per_tensor."
        raise ConfigError(Problem(f"layer '{name}'", got, "one scale for each of its weights", cure))
    if (channel.step != channel.step[0]).any():
        got, cure = "one scale a channel", "Quantize it with granularity: per_tensor."
        raise ConfigError(Problem(f"layer '{name}'", got, "one scale for each of its weights", cure))
    mean = wire.unit / (height * width)
    scale = float(temporal.step[0] * channel.step[0]) * mean * mean * (TABLE / 16.0)
    low_high = [_flat_synapses(each) for each in (temporal, channel)]
    most = wire.most * height * width
    largest = [max(int(np.abs(end).max()) for end in sum_range(s, most)) for s in low_high]
    factor, shift = _scaled(scale, largest[0] * largest[1])
    places = np.arange(-(TABLE // 2), TABLE // 2) / (TABLE / 16.0)
    table = np.rint((1 << GATE_BITS) / (1.0 + np.exp(-places))).astype(np.int32)
    node = Attention(
        name, wire.source, low_high[0], low_high[1], module.padding, factor, shift, as_ints(table)
    )
    number = walk.add(node)
    return NodeOutput(number, wire.shape, wire.most * int(table.max()), wire.unit / (1 << GATE_BITS))


def _scaled(scale: float, largest: int) -> tuple[int, int]:
    """`scale` as multiplier and shift, as many digits as 62 bits leave beside products of `largest`."""
    digits = min(30, 61 - max(largest, 1).bit_length())
    if scale <= 0 or digits < 1:
        return 0, 0
    shift = max(0, digits - 1 - math.floor(math.log2(scale)))
    shift = min(shift, 60)
    return round(math.ldexp(scale, shift)), shift


def _flat_synapses(integers: Integers) -> Synapses:
    """Weights of a one-dimensional convolution, (outputs, inputs, 1, kernel)."""
    return Synapses(integers.values[:, :, None, :], integers.bits, integers.levels)


def _inside(name: str, child: str) -> str:
    return f"{name}.{child}".lstrip(".")


def _pair(value: Any) -> Pair:
    both = (value, value) if isinstance(value, int) else tuple(int(each) for each in value)
    return (both[0], both[1])


def _floats(tensor: Tensor) -> Any:
    return tensor.detach().double().cpu().numpy()


def _unknown(module: nn.Module, name: str) -> ConfigError:
    known = ", ".join(kind.__name__ for kind in _KINDS)
    cure = "Build the network of these layers, or make it of them with spareto.convert."
    return ConfigError(Problem(f"layer '{name}'", type(module).__name__, f"one of {known}", cure))


def _misfit(name: str, wire: NodeOutput, rule: str) -> ConfigError:
    cure = "Lower it with the sensor that it was built for."
    return ConfigError(Problem(f"layer '{name}'", f"an input of shape {wire.shape}", rule, cure))


_KINDS: Final[dict[type[nn.Module], Callable[[Walk, Any, str, NodeOutput], NodeOutput]]] = {
    Network: _network,
    Residual: _residual,
    TCJA: _tcja,
    SpikingLayer: _spiking,
    nn.Sequential: _chain,
    nn.MaxPool2d: _pool,
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _pool,
    nn.Dropout: _nothing,
    nn.Identity: _nothing,
}
