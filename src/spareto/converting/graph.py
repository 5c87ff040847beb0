"""What one run of a network says: which signal is computed from which, whatever looped over time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

Form = Literal["step", "first", "TB", "BT", "T*B", "B*T", "sample"]
"""How a tensor holds a signal: one timestep `(batch, ...)`, one timestep `(1, batch, ...)`, all of them
`(time, batch, ...)`, `(batch, time, ...)`, both merged, or no time at all, `(batch, ...)`."""

LEADING: dict[Form, int] = {"step": 1, "first": 2, "TB": 2, "BT": 2, "T*B": 1, "B*T": 1, "sample": 1}
"""Axes before those of one sample."""


@dataclass(eq=False)
class Node:
    """One signal: what all timesteps of all samples hold.

    Args:
        kind: `input`, `layer`, `function`, `neuron`, `potential`, `state`, `delay`, `vote`, `running` (a sum
            over the timesteps so far) or `unknown`, which was refused already.
        payload: The layer, the function or the neuron; which potential; how is voted.
        inputs: Signals it is computed from; those of a neuron are in `Graph.neurons`.
        shape: Of one sample at one timestep.
        timeless: Whether it is the same in every timestep.
        place: Name of the module it was computed in.
    """

    kind: str
    payload: Any
    inputs: tuple[Node, ...]
    shape: tuple[int, ...]
    timeless: bool
    place: str = ""


@dataclass(frozen=True)
class Ref:
    """What a tensor holds.

    Args:
        node: The signal.
        form: How.
        t: Which timestep, where it holds one.
    """

    node: Node
    form: Form
    t: int = 0


@dataclass
class NeuronCalls:
    """All calls of one layer of neurons.

    Args:
        module: The neurons.
        name: Their dotted name.
        node: Their spikes.
        inputs: Currents, by timestep; at -1 those of all timesteps.
    """

    module: nn.Module
    name: str
    node: Node
    inputs: dict[int, Node] = field(default_factory=dict[int, Node])


@dataclass
class Graph:
    """Signals of a network.

    Args:
        timesteps: Timesteps that its neurons ran.
        neurons: Its layers of neurons, in the order of their first call.
        currents: What each layer of neurons is given, by its node.
        output: Nested tuples and dicts of `(signal, form)`; None for what is no tensor.
        takes_time: Whether the input has a time axis.
        by_step: Names of batch norms that see one timestep per call.
        computed: Names of modules that compute the weights that they multiply with.
        constants: Places in the output of tensors that hold no signal.
        unread: Names of layers of neurons that reach no output.
    """

    timesteps: int
    neurons: list[NeuronCalls]
    currents: dict[Node, Node]
    output: Any
    takes_time: bool
    by_step: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def leave_out_unread(self) -> None:
        """Leave out layers of neurons that reach no output."""
        waiting, seen = self.wanted(), set[Node]()
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += self.inputs_of(node)
        self.unread = tuple(calls.name for calls in self.neurons if calls.node not in seen)
        self.neurons = [calls for calls in self.neurons if calls.node in seen]

    def inputs_of(self, node: Node) -> tuple[Node, ...]:
        """Signals that a signal is computed from, a neuron's currents too."""
        return (self.currents[node],) if node.kind == "neuron" else node.inputs

    def wanted(self) -> list[Node]:
        """Signals that the output is made of."""
        return [node for node, _ in leaves(self.output)]


class Signals:
    """Makes nodes; equal ones are one."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Node] = {}

    def node(
        self,
        kind: str,
        key: Hashable,
        payload: Any,
        inputs: tuple[Node, ...],
        shape: tuple[int, ...],
        place: str = "",
    ) -> Node:
        """The signal computed so; a new one if nothing was yet."""
        full = (kind, key, tuple(map(id, inputs)), shape)
        if full not in self._made:
            timeless = bool(inputs) and all(node.timeless for node in inputs)
            self._made[full] = Node(kind, payload, inputs, shape, timeless or kind == "vote", place)
        return self._made[full]

    def delay(self, node: Node) -> Node:
        """The signal of the timestep before; zeros at first."""
        return self.node("delay", None, None, (node,), node.shape, node.place)


def leaves(output: Any) -> Iterator[tuple[Node, Form]]:
    """The signals in an output."""
    if isinstance(output, dict):
        for item in output.values():
            yield from leaves(item)
    elif isinstance(output, list):
        for item in output:
            yield from leaves(item)
    elif output is not None:
        yield output


def comes_back(node: Node, seen: set[Node] | None = None) -> bool:
    """Whether a signal depends on the timestep before, other than through neurons."""
    seen = set() if seen is None else seen
    if node in seen:
        return False
    seen.add(node)
    return node.kind == "delay" or any(comes_back(each, seen) for each in node.inputs)


def differing(one: Node, other: Node) -> tuple[str, str, str]:
    """Where two signals begin to differ: the module, what differs there, and the cure."""
    while one is not other:
        below = [pair for pair in zip(one.inputs, other.inputs, strict=False) if pair[0] is not pair[1]]
        if one.kind != other.kind or len(one.inputs) != len(other.inputs) or not below:
            break
        one, other = below[0]
    operators = [getattr(node.payload, "name", "").partition(".")[0] for node in (one, other)]
    if other.kind == "function" and operators[0] == operators[1] != "":
        cure = "Compute it once before the timesteps, or in a layer of torch; draw no random numbers."
        return other.place, f"another number or tensor in the operator {operators[1]}", cure
    if one.kind == other.kind == "layer" and one.place == other.place:
        cure = "Make it a parametrization (torch.nn.utils.parametrize), or store the computed weight."
        return other.place, "a weight that is computed anew", cure
    return other.place, "other layers", "Let the network do the same in every timestep."
