"""One timestep of an integer network as nodes: weights by `Quant`, sums, then 64-bit integers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from spareto.core.errors import ConfigError, Problem
from spareto.integer import Bounds, IntegerNetwork
from spareto.integer.network import INPUT, Attention, IntegerLayer, IntegerNeuron, Join, Pool, Synapses
from spareto.interchange.qonnx.graph import FLOAT, INT64, QUANT, OnnxGraph, Value

EXACT: Final = 1 << 24
"""Whole numbers up to here are exact in single precision, which sums of QONNX graphs run in."""


class StepGraph:
    """The nodes of one timestep: states come in and go out.

    Args:
        graph: Where they are added.
        network: The integers.
        bounds: What they cannot leave.
        batch: Samples of every tensor.
    """

    def __init__(self, graph: OnnxGraph, network: IntegerNetwork, bounds: list[Bounds], batch: int) -> None:
        self._graph, self._network, self._bounds, self._batch = graph, network, bounds, batch
        self._wires: list[Value] = []

    def build(self) -> None:
        """All nodes, the outputs `spikes` and `votes`, and every state as `next.N.x` of `state.N.x`.

        Raises:
            ConfigError: A node sees all timesteps at once, or sums are not exact in single precision.
        """
        graph, shapes = self._graph, self._network.shapes()
        frame = graph.given("frame", (self._batch, *self._network.sensor), FLOAT)
        graph.width(frame, _unsigned(self._network.input_most))
        for number, node in enumerate(self._network.nodes):
            x = frame if node.source == INPUT else self._wires[node.source]
            if isinstance(node, Attention):
                rule = "layers that see one timestep"
                raise ConfigError(
                    Problem(f"layer '{node.name}'", "attention over time", rule, "Leave it out.")
                )
            if self._bounds[number].sums >= EXACT or self._bounds[number].back >= EXACT:
                got = f"sums up to {max(self._bounds[number].sums, self._bounds[number].back):,}"
                rule = f"below {EXACT:,}, which single precision holds exactly"
                raise ConfigError(
                    Problem(f"layer '{node.name}'", got, rule, "Use fewer bits for its weights.")
                )
            shape = (self._batch, *shapes[number])
            if isinstance(node, IntegerLayer):
                made = self._layer(number, node, x, shape)
            elif isinstance(node, Pool):
                made = self._pool(node, x, shape)
            else:
                made = self._join(node, x, self._wires[node.other])
            self._wires.append(made)
        last, classes = self._wires[-1], self._network.classes
        flat = graph.node("Reshape", [last, graph.constant([self._batch, classes, -1])],
                          (self._batch, classes, last[1][1] // classes), INT64)  # fmt: skip
        votes = graph.node(
            "ReduceSum", [flat, graph.constant([2])], (self._batch, classes), INT64, keepdims=0
        )
        graph.renamed(last, "spikes")
        graph.renamed(votes, "votes")

    # --- layers

    def _layer(self, number: int, layer: IntegerLayer, x: Value, shape: tuple[int, ...]) -> Value:
        graph, column = self._graph, (-1, 1, 1)
        currents = self._sums(layer.synapses, x, shape)
        currents = graph.each("Mul", currents, graph.constant(layer.multiplier.reshape(column)))
        currents = graph.each("Add", currents, graph.constant(layer.bias.reshape(column)))
        states = {name: graph.given(f"state.{number}.{name}", shape, INT64) for name in layer.neuron.states}
        if layer.feedback is not None:
            back = states["s"] if "s" in states else graph.given(f"state.{number}.f", shape, INT64)
            fed = self._sums(layer.feedback.synapses, back, shape)
            factor = graph.constant(layer.feedback.multiplier.reshape(column))
            currents = graph.each("Add", currents, graph.each("Mul", fed, factor))
        spikes, after = self._neuron(layer.neuron, currents, states)
        if layer.feedback is not None and "s" not in states:
            after["f"] = spikes
        for name, value in after.items():
            graph.renamed(value, f"next.{number}.{name}")
        return spikes

    def _sums(self, synapses: Synapses, x: Value, shape: tuple[int, ...]) -> Value:
        graph, x = self._graph, self._graph.cast(x, FLOAT)
        weights = synapses.weights
        if synapses.flat:
            matrix = self._weights(weights.reshape(len(weights), -1).T)
            size = int(np.prod(x[1][1:]))
            rows = graph.node("Reshape", [x, graph.constant([self._batch, size])], (self._batch, size), FLOAT)
            found = graph.node("MatMul", [rows, matrix], (self._batch, len(weights)), FLOAT)
            found = graph.node("Reshape", [found, graph.constant(shape)], shape, FLOAT)
        else:
            options: dict[str, Any] = {"strides": synapses.stride, "dilations": synapses.dilation}
            found = graph.node("Conv", [x, self._weights(weights)], shape, FLOAT, group=synapses.groups,
                               kernel_shape=weights.shape[2:], pads=[*synapses.padding, *synapses.padding],
                               **options)  # fmt: skip
        return graph.cast(found, INT64)

    def _weights(self, weights: Any) -> Value:
        """Integers behind a `Quant` node of as many bits as they take."""
        graph, low, high = self._graph, int(weights.min()), int(weights.max())
        bits = max(2, 1 + max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0))
        numbers = [graph.constant(value, FLOAT) for value in (1.0, 0.0, float(bits))]
        options = {"domain": QUANT, "signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
        made = graph.node(
            "Quant", [graph.constant(weights, FLOAT), *numbers], weights.shape, FLOAT, **options
        )
        graph.width(made, f"INT{bits}")
        return made

    def _pool(self, pool: Pool, x: Value, shape: tuple[int, ...]) -> Value:
        graph, x = self._graph, self._graph.cast(x, FLOAT)
        channels = x[1][1]
        reach = [(n - 1) * s + k for n, s, k in zip(pool.size, pool.stride, pool.kernel, strict=True)]
        behind = [max(0, r - n - p) for r, n, p in zip(reach, x[1][2:], pool.padding, strict=True)]
        if any(pool.padding) or any(behind):
            pads = [0, 0, *pool.padding, 0, 0, *behind]
            sides = [n + p + b for n, p, b in zip(x[1][2:], pool.padding, behind, strict=True)]
            x = graph.node("Pad", [x, graph.constant(pads)], (*x[1][:2], *sides), FLOAT)
        size = tuple((n - k) // s + 1 for n, k, s in zip(x[1][2:], pool.kernel, pool.stride, strict=True))
        options: dict[str, Any] = {"kernel_shape": pool.kernel, "strides": pool.stride}
        if pool.kind == "max":
            found = graph.node("MaxPool", [x], (*x[1][:2], *size), FLOAT, **options)
        else:
            ones = graph.constant(np.ones((channels, 1, *pool.kernel)), FLOAT)
            found = graph.node("Conv", [x, ones], (*x[1][:2], *size), FLOAT, group=channels, **options)
        if size != pool.size:  # windows beyond the asked ones
            ends = [graph.constant(each) for each in ([0, 0], list(pool.size), [2, 3])]
            found = graph.node("Slice", [found, *ends], shape, FLOAT)
        return graph.cast(found, INT64)

    def _join(self, join: Join, a: Value, x: Value) -> Value:
        graph = self._graph
        a, x = graph.cast(a, INT64), graph.cast(x, INT64)
        if join.kind == "add":
            return graph.each(
                "Add", graph.each("Mul", a, join.factors[0]), graph.each("Mul", x, join.factors[1])
            )
        return graph.each("Mul", a if join.kind == "and" else graph.each("Sub", 1, a), x)

    # --- neurons, line by line as in `spareto.integer.neuron`

    def _neuron(
        self, neuron: IntegerNeuron, x: Value, states: dict[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        graph, after = self._graph, dict[str, Value]()
        if neuron.current is not None:
            x = graph.each("Add", graph.each("Mul", states["i"], neuron.current.decay), x)
            after["i"] = self._stored(neuron, x)
            x = self._rounded(graph.each("Mul", x, neuron.current.gain), neuron.current.gain_shift)
        u = graph.each("Add", graph.each("Mul", states["v"], neuron.decay), x)
        u = graph.each("Add", u, neuron.leak)
        if neuron.delayed is not None:
            u = self._lowered(u, states["s"], graph.constant(neuron.delayed_drop), keep=neuron.delayed)
        level = graph.constant(neuron.threshold)
        if neuron.adaptation is not None:
            level = graph.each("Add", level, graph.each("Mul", states["a"], neuron.adaptation.scale))
        s = self._spikes(neuron, u, level)
        if neuron.adaptation is not None:
            risen = graph.each("Mul", s, neuron.adaptation.one)
            after["a"] = self._stored(
                neuron, graph.each("Add", graph.each("Mul", states["a"], neuron.adaptation.decay), risen)
            )
        after["v"] = self._stored(neuron, self._reset(neuron, u, s, level))
        if neuron.delayed is not None:
            after["s"] = s
        return s, after

    def _spikes(self, neuron: IntegerNeuron, u: Value, level: Value) -> Value:
        graph = self._graph
        if neuron.counts is None:
            above = graph.each("Greater" if neuron.strict else "GreaterOrEqual", u, level, kind=9)
            return graph.cast(above, INT64)
        held = self._floor(graph.each("Sub", u, 1) if neuron.strict else u, level)
        return graph.each("Max", graph.each("Min", held, neuron.counts), 0)

    def _reset(self, neuron: IntegerNeuron, u: Value, s: Value, level: Value) -> Value:
        graph = self._graph
        if neuron.counts is not None:
            return graph.each("Sub", u, graph.each("Mul", s, level))
        fall = graph.constant(neuron.drop)
        fall = graph.each("Add", fall, level) if neuron.drop_threshold else fall
        return self._lowered(u, s, fall, keep=neuron.keep)

    def _lowered(self, u: Value, fired: Value, fall: Value, *, keep: bool) -> Value:
        """`u − fired · (fall + u)`, or without `u` where the potential is kept."""
        graph = self._graph
        whole = fall if keep else graph.each("Add", fall, u)
        return graph.each("Sub", u, graph.each("Mul", fired, whole))

    def _stored(self, neuron: IntegerNeuron, wide: Value) -> Value:
        found = self._rounded(wide, neuron.shift)
        return self._graph.each("Max", self._graph.each("Min", found, neuron.most), -neuron.most)

    def _rounded(self, value: Value, shift: int) -> Value:
        """To the nearest multiple of `2^shift`, halves to the even one."""
        if shift == 0:
            return value
        graph, unit = self._graph, 1 << shift
        odd = graph.each("Mod", self._floor(value, graph.constant(unit)), 2)
        return self._floor(
            graph.each("Add", graph.each("Add", value, unit // 2 - 1), odd), graph.constant(unit)
        )

    def _floor(self, value: Value, by: Value) -> Value:
        """`value // by`: ONNX divides toward zero, its remainder has the sign of the divisor."""
        graph = self._graph
        return graph.each("Div", graph.each("Sub", value, graph.each("Mod", value, by)), by)


def _unsigned(most: int) -> str:
    return "BINARY" if most == 1 else f"UINT{most.bit_length()}"
