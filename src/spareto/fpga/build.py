"""An integer network becomes a circuit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spareto.core.errors import ConfigError, Problem
from spareto.fpga.circuit import Circuit, Neurons, Pooling, Stage, Window
from spareto.fpga.neurons import numbers
from spareto.fpga.options import Options
from spareto.fpga.ranges import ranges
from spareto.fpga.verilog.arithmetic import bits_for
from spareto.fpga.windows import BitLayout, dense, sliding
from spareto.integer.network import INPUT, IntegerLayer, IntegerNetwork, Ints, Node, Pool


def circuit_of(network: IntegerNetwork, options: Options) -> Circuit:
    """The circuit of a network.

    Raises:
        ConfigError: Something in it has no circuit; names it and says what to do.
    """
    if network.input_most != 1 and options.stream == "words":
        got, cure = (
            f"frames of numbers up to {network.input_most}",
            "Lower a network of spikes, or use stream: rate.",
        )
        raise ConfigError(Problem("the network's input", got, "spikes, 0 or 1", cure))
    walk = _Walk(network, options)
    for number, node in enumerate(network.nodes):
        walk.take(number, node)
    if network.nodes and not isinstance(network.nodes[-1], IntegerLayer):
        raise ConfigError(Problem("the last layer", type(network.nodes[-1]).__name__, "neurons"))
    if (voters := walk.stages[-1].outputs) % network.classes:
        rule = f"a multiple of its {network.classes} classes, which vote in equal parts"
        raise ConfigError(Problem("the last layer", f"{voters} neurons", rule))
    for stage in walk.stages:
        _check_width(stage)
    facts = {"semantics": options.semantics}
    facts |= {key: str(network.facts[key]) for key in ("network", "recipe") if key in network.facts}
    inputs = int(np.prod(network.sensor))
    return Circuit(inputs, network.classes, tuple(walk.stages), facts)


def _check_width(stage: Stage) -> None:
    """Refuse sums that the golden model, which counts in 64 bits, does not hold."""
    if not isinstance(stage, Neurons):
        return
    found = ranges(stage)
    widest = max(bits_for(*each) for each in (found.sums, found.back, found.scaled) if each is not None)
    if widest > 62:
        got = f"sums of {widest} bits"
        raise ConfigError(Problem(f"layer '{stage.name}'", got, "at most 62", "Use narrower weights."))


@dataclass(frozen=True)
class _Wire:
    """What a node gives, as a circuit has it.

    Args:
        stage: The stage whose bits are read; −1 for the input.
        layout: Of these bits.
        sums: A sum of windows that the next layer computes, or None.
    """

    stage: int
    layout: BitLayout
    sums: Pool | None = None


class _Walk:
    """Stages made so far."""

    def __init__(self, network: IntegerNetwork, options: Options) -> None:
        self.options = options
        self.stages: list[Stage] = []
        self.wires = {INPUT: _Wire(INPUT, BitLayout(network.sensor, pixels=False))}
        self.shapes = network.shapes()
        self.layers = [node.name for node in network.nodes if isinstance(node, IntegerLayer)]
        options.check_layers(self.layers)
        self.readers: dict[int, list[str]] = {}
        for node in network.nodes:
            self.readers.setdefault(node.source, []).append(node.name)

    def take(self, number: int, node: Node) -> None:
        """Append what a node needs."""
        if not isinstance(node, IntegerLayer | Pool):
            got, rule = type(node).__name__.lower(), "layers and poolings, one behind the other"
            raise ConfigError(Problem(f"layer '{node.name}'", got, rule, "Export it to c99 instead."))
        if len(self.readers[node.source]) > 1:
            got = f"several readers of one wire: {', '.join(self.readers[node.source])}"
            raise ConfigError(Problem(f"layer '{node.name}'", got, "one", "Export it to c99 instead."))
        wire = self.wires[node.source]
        if isinstance(node, Pool):
            self.wires[number] = self._pool(node, wire, self.shapes[number])
            return
        self.stages.append(self._layer(node, wire))
        self.wires[number] = _Wire(len(self.stages) - 1, BitLayout(self.shapes[number]))

    def _pool(self, pool: Pool, wire: _Wire, shape: tuple[int, int, int]) -> _Wire:
        place = f"pooling '{pool.name}'"
        if wire.sums is not None:
            raise ConfigError(Problem(place, "a pooling of sums", "one pooling between two layers"))
        if pool.kind == "sum":
            reach = [(n - 1) * s + k for n, s, k in zip(pool.size, pool.stride, pool.kernel, strict=True)]
            if pool.padding != (0, 0) or any(
                r > n for r, n in zip(reach, wire.layout.shape[1:], strict=True)
            ):
                rule = "windows inside the map, for the next layer reads them as its own"
                raise ConfigError(Problem(place, "sums of windows that reach beyond the map", rule))
            return _Wire(wire.stage, wire.layout, pool)
        members = _members(pool, wire.layout)
        self.stages.append(Pooling(pool.name, wire.stage, members, wire.layout.size))
        return _Wire(len(self.stages) - 1, BitLayout(shape))

    def _layer(self, layer: IntegerLayer, wire: _Wire) -> Neurons:
        synapses, place = layer.synapses, f"layer '{layer.name}'"
        if synapses.groups != 1:
            raise ConfigError(Problem(place, f"{synapses.groups} groups", "all channels in one group"))
        found = numbers(layer, self.options)
        weights = found.weights.reshape(len(found.weights), -1)
        window, weights = _window(layer, wire, weights)
        index = self.layers.index(layer.name)
        ratio = self.options.of("ratio", index, layer.name, len(self.layers))
        if len(weights) % ratio:
            ratios = [n for n in range(1, len(weights) + 1) if len(weights) % n == 0]
            rule = f"a divisor of its {len(weights)} channels: {', '.join(map(str, ratios[:12]))}"
            raise ConfigError(Problem(f"design.ratio of {place}", str(ratio), rule))
        reads = self.options.of("inputs", index, layer.name, len(self.layers))
        dense = window.plain
        if found.feedback is not None and (reads == "compressed" or (reads == "event" and not dense)):
            rule = "scan" + (" or event" if dense else "") + ", for its weights are recurrent"
            raise ConfigError(Problem(f"design.inputs of {place}", reads, rule))
        return Neurons(
            layer.name,
            wire.stage,
            found.semantics,
            window,
            weights,
            feedback=found.feedback,
            units=len(weights) // ratio,
            reads=reads,
            **found.stage,
        )


def _window(layer: IntegerLayer, wire: _Wire, weights: Ints) -> tuple[Window, Ints]:
    """A layer's window, and its weights in the order of its columns."""
    synapses, layout, pool = layer.synapses, wire.layout, wire.sums
    if pool is None and synapses.flat:
        return dense(layout.size), weights[:, layout.order()]
    sums = {} if pool is None else {"pool": pool.kernel, "pool_stride": pool.stride, "pooled": pool.size}
    if synapses.flat and pool is not None:  # a dense layer over sums is one window as large as their map
        return sliding(layout, pool.size, **sums), weights
    kernel = (synapses.weights.shape[2], synapses.weights.shape[3])
    geometry = (synapses.stride, synapses.padding, synapses.dilation)
    return sliding(layout, kernel, *geometry, **sums), weights


def _members(pool: Pool, layout: BitLayout) -> Ints:
    """Inputs of each maximum, −1 in the padding; outputs pixel after pixel."""
    channels, height, width = layout.shape
    by_channel, by_row, by_column = layout.strides

    def windows() -> Iterator[list[int]]:
        for y, x, c in np.ndindex(*pool.size, channels):
            rows = [y * pool.stride[0] - pool.padding[0] + k for k in range(pool.kernel[0])]
            columns = [x * pool.stride[1] - pool.padding[1] + k for k in range(pool.kernel[1])]
            yield [
                c * by_channel + r * by_row + q * by_column if 0 <= r < height and 0 <= q < width else -1
                for r in rows
                for q in columns
            ]

    return np.array(list(windows()), np.int64)
