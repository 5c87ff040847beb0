"""A NIR graph becomes a network of ours: its nodes are signals, which the builder of conversions fuses."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from spareto.converting.building import BlockBuilder
from spareto.converting.functions import ArgumentSlot, Function, Reshape
from spareto.converting.graph import Graph, NeuronCalls, Node, Signals
from spareto.converting.network import ConvertedNetwork
from spareto.converting.neurons import NeuronPlan
from spareto.core.errors import ConfigError, Problem
from spareto.interchange.nir.flat import FlatGraph
from spareto.interchange.nir.layers import array, flattened, layer_of
from spareto.interchange.nir.neurons import NEURONS, NirReading

PASSED: Final = ("Input", "Output", "Identity")
MOST_DELAYS: Final = 1000
LARGEST: Final = 1 << 24
"""Numbers of one signal of one sample."""


class NirReader:
    """Signals of a graph.

    Args:
        graph: The nodes and edges.
        dt: Of a timestep, in the unit of the time constants.
        reset: What a spike does where the file does not say.
        surrogate: One of ours to train with.
        shape: Of one sample at one timestep; None takes that of the input node.
    """

    def __init__(
        self,
        graph: FlatGraph,
        dt: float,
        reset: str | None,
        surrogate: str | None,
        shape: tuple[int, ...] | None,
    ) -> None:
        self.graph, self.dt = graph, dt
        self.reset, self.surrogate = reset, surrogate
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.plans: dict[str, NeuronPlan] = {}
        self.layers: dict[str, nn.Module] = {}
        self._signals = Signals()
        self._made: dict[str, Node] = {}
        self._making: set[str] = set()
        self._input = Node("input", None, (), self._input_shape(shape), False)

    def read(self) -> tuple[ConvertedNetwork, Graph]:
        """The network, and the signals it was built of.

        Raises:
            ConfigError: A node has no counterpart; all are named.
        """
        calls, currents = list[NeuronCalls](), dict[Node, Node]()
        for name in self.graph.order:
            self._made[name] = self._signal(name)
        for name in self.graph.order:
            if name in self.plans:
                node = self._made[name]
                calls.append(NeuronCalls(nn.Identity(), name, node))
                currents[node] = self._incoming(name)
        if self.problems:
            raise ConfigError(self.problems)
        ends = {name: (self._made[name], "TB") for name in self.graph.outputs}
        output = next(iter(ends.values())) if len(ends) == 1 else ends
        graph = Graph(0, calls, currents, output, takes_time=True)
        return BlockBuilder(graph, self.plans).build(), graph

    def refuse(self, name: str, what: str, got: str, rule: str, cure: str) -> None:
        """Note a problem of a node."""
        self.problems.append(Problem(f"node '{name}'" + (f".{what}" if what else ""), got, rule, cure))

    def _input_shape(self, given: tuple[int, ...] | None) -> tuple[int, ...]:
        value = self.graph.nodes[self.graph.input].values.get("shape")
        said: tuple[int, ...] | None = None
        if isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and value.size <= 4:
            whole = np.isfinite(value).all() and np.all((value >= 1) & (value < LARGEST))
            said = tuple(int(side) for side in value.reshape(-1)) if whole else None
        if given is None:
            if not said:
                cure = "Give a sample (time, samples, ...)."
                raise ConfigError(Problem("the input node", f"shape {said}", "that of a sample", cure))
            return said
        if said is not None and said != given:
            self.notes.append(f"The file says inputs of shape {said}; the sample's, {given}, is taken.")
        return given

    def _incoming(self, name: str) -> Node:
        """The sum of all that an edge leads into a node, what comes back one timestep later."""
        found: Node | None = None
        for source, back in self.graph.into(name):
            node = self._made.get(source)
            if node is None:
                node = self._made[source] = self._signal(source)
            node = self._before(node) if back else node
            if found is not None and found.shape != node.shape:
                self.refuse(name, "", f"signals of shapes {found.shape} and {node.shape}", "one shape", "")
                return found
            if found is None:
                found = node
            else:
                add = Function("add.Tensor", (ArgumentSlot(0), ArgumentSlot(1)))
                found = self._signals.node("function", "add", add, (found, node), node.shape, name)
        assert found is not None
        return found

    def _before(self, node: Node) -> Node:
        """The signal of the timestep before: of what layers make of it, that of their inputs."""
        if node.kind not in ("layer", "function"):
            return self._signals.delay(node)
        inputs = tuple(self._before(each) for each in node.inputs)
        return self._signals.node(
            node.kind, ("before", id(node)), node.payload, inputs, node.shape, node.place
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each node's signal."""
        return {name: node.shape for name, node in self._made.items()}

    def _signal(self, name: str) -> Node:
        node = self.graph.nodes[name]
        if name == self.graph.input:
            return self._input
        if name in self._made:
            return self._made[name]
        if name in self._making:
            rule, cure = "loops that begin at neurons", "Feed the spikes back to the neurons themselves."
            raise ConfigError(
                [*self.problems, Problem(f"node '{name}'", "a loop that begins here", rule, cure)]
            )
        self._making.add(name)
        if node.kind in NEURONS:
            return self._neuron(name)
        given = self._incoming(name)
        if node.kind in PASSED:
            return given
        if node.kind == "Flatten":
            shape = flattened(node, given.shape, partial(self.refuse, name))
            return self._function(name, ("reshape", shape), Reshape(shape), given, shape)
        if node.kind == "Scale":
            return self._scale(name, given)
        if node.kind == "Delay":
            return self._delay(name, given)
        layer = layer_of(node, given.shape, partial(self.refuse, name))
        if layer is None:
            if not any(f"'{name}'" in problem.where for problem in self.problems):
                known = ", ".join(
                    (*NEURONS, "Affine, Linear, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, Scale, Delay")
                )
                self.refuse(name, "", node.kind, f"one of {known}", "Write the network without it.")
            return given
        self.layers[name] = layer
        shape = self._shape_behind(name, layer, given.shape)
        return self._signals.node("layer", id(layer), layer, (given,), shape, name)

    def _neuron(self, name: str) -> Node:
        node = self.graph.nodes[name]
        reading = NirReading(name, node, self.dt, self.reset, self.surrogate)
        self.plans[name] = NEURONS[node.kind](reading)
        self.problems += reading.problems
        shape = self._forward_shape(name)
        for what, value in node.values.items():
            if isinstance(value, np.ndarray) and value.size != 1 and tuple(value.shape) != shape:
                got = f"shape {tuple(value.shape)} for signals of shape {shape}"
                self.refuse(name, what, got, "a value a signal", "Give a sample of the right shape.")
        return Node("neuron", None, (), shape, False, name)

    def _forward_shape(self, name: str) -> tuple[int, ...]:
        """Shape of what reaches a node from ahead."""
        for source, back in self.graph.into(name):
            if not back:
                return (self._made.get(source) or self._signal(source)).shape
        return ()

    def _function(self, name: str, key: Any, function: Any, given: Node, shape: tuple[int, ...]) -> Node:
        return self._signals.node("function", key, function, (given,), shape, name)

    def _scale(self, name: str, given: Node) -> Node:
        node = self.graph.nodes[name]
        dims = np.ndim(node.values.get("scale", 0))
        scale = array(node, "scale", partial(self.refuse, name), dims)
        if scale is None:
            return given
        if tuple(scale.shape) not in ((), (1,), given.shape):
            self.refuse(
                name, "scale", f"shape {tuple(scale.shape)}", f"that of its signals, {given.shape}", ""
            )
            return given
        return self._function(
            name, name, Function("mul.Tensor", (ArgumentSlot(0), scale)), given, given.shape
        )

    def _delay(self, name: str, given: Node) -> Node:
        reading = NirReading(name, self.graph.nodes[name], self.dt)
        steps = reading.number("delay") / self.dt
        self.problems += reading.problems
        if not 0 <= steps <= MOST_DELAYS or abs(steps - round(steps)) > 1e-6:
            rule = f"a whole number of timesteps up to {MOST_DELAYS}"
            self.refuse(name, "delay", f"{steps:g} timesteps", rule, "Pass another dt.")
            return given
        for _ in range(round(steps)):
            given = self._signals.delay(given)
        return given

    def _shape_behind(self, name: str, layer: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
        try:
            with torch.no_grad():
                made: Tensor = _on_meta(layer)(torch.empty((1, *shape), device="meta"))
        except RuntimeError as error:
            told = " ".join(str(error).split())[:120]
            self.refuse(name, "", f"signals of shape {shape} ({told})", "a shape it can take", "")
            return shape
        if made.numel() > LARGEST:
            self.refuse(name, "", f"{made.numel():,} signals", f"at most {LARGEST:,}", "Use fewer.")
            return shape
        return tuple(made.shape[1:])


def _on_meta(layer: nn.Module) -> nn.Module:
    """The layer without its numbers."""
    twin = copy(layer)
    twin._parameters = {
        name: None if value is None else nn.Parameter(value.to("meta"))
        for name, value in layer._parameters.items()
    }
    return twin
