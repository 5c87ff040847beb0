"""What an integer network is, as data: nodes, each of which reads the outputs of nodes before it.

Every wire carries integers of at least 0: spikes (0 or 1), counts, or what pooling, sums and gates make of
them. Its shape is `(channels, height, width)`; dense layers have height and width 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]
Shape = tuple[int, int, int]
Pair = tuple[int, int]
INPUT: Final = -1
"""The source of a node that reads the network's input."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """Integer weights, and how they slide over their input.

    Args:
        weights: int32, shape (outputs, inputs of a group, kernel height, kernel width).
        bits: Width of one stored weight.
        levels: The integers that stored codes 0, 1, 2, ... stand for, shape (1 or outputs, codes); None where
            a code is the weight itself, in two's complement of `bits`.
        flat: Whether the input is flattened first, channel after channel, row after row: a dense layer.
        stride: Rows and columns from one window to the next.
        padding: Rows and columns of zeros on each side.
        dilation: Rows and columns from one tap to the next.
        groups: Groups of channels that do not see each other.
    """

    weights: Ints
    bits: int
    levels: Ints | None = None
    flat: bool = False
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the sums for an input of that shape."""
        if self.flat:
            return (len(self.weights), 1, 1)
        sides = zip(shape[1:], self.weights.shape[2:], self.stride, self.padding, self.dilation, strict=True)
        height, width = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sides)
        return (len(self.weights), height, width)


@dataclass(frozen=True)
class Current:
    """A synaptic current that leaks by itself: `i = (decay · i + input)`, entering the potential by `gain`.

    Args:
        decay: Share kept, in units of `2^-shift` of its neuron.
        gain: Factor on its way to the potential, in units of `2^-gain_shift`; rounded once.
        gain_shift: See `gain`.
    """

    decay: int
    gain: int = 1
    gain_shift: int = 0


@dataclass(frozen=True)
class Adaptation:
    """A threshold that every spike lifts.

    Args:
        decay: Share of the adaptation kept, in units of `2^-shift` of its neuron.
        scale: What a unit of adaptation adds to the threshold, in units of `2^-shift`.
        one: What one spike adds to the adaptation, in wide units.
    """

    decay: int
    scale: int
    one: int


@dataclass(frozen=True)
class IntegerNeuron:
    """The recurrence of a layer's neurons in integers; `neuron.py` is its definition.

    Stored states have units of `2^-fraction` of the float network's; sums, thresholds and resets are wide,
    with `shift` more binary digits. One rounding a timestep and state, when it is stored.

    Args:
        bits: Width of a stored state, its sign included.
        fraction: Binary digits of a stored state behind the point; may be negative. Nothing is computed from
            it.
        shift: Further binary digits of wide numbers.
        most: A stored state lies within `-most` to `most`.
        decay: Share of the potential kept over a timestep, in units of `2^-shift`.
        leak: Added every timestep, wide.
        threshold: Firing level, wide.
        strict: Fires above the threshold, not at it.
        keep: Whether the reset starts from the potential, or forgets it.
        drop: What a spike takes off, wide.
        drop_threshold: Whether a spike also takes the threshold off.
        delayed: What the reset does one timestep later: None for nothing, else whether it keeps the
            potential.
        delayed_drop: What is taken off then, wide.
        start: Stored potential before the first timestep.
        current: The synaptic current, if there is one.
        adaptation: The adaptation of the threshold, if there is one.
        counts: None for spikes; else how often a neuron may fire within a timestep.
    """

    bits: int
    fraction: int
    shift: int
    most: int
    decay: int
    threshold: int
    leak: int = 0
    strict: bool = False
    keep: bool = False
    drop: int = 0
    drop_threshold: bool = False
    delayed: bool | None = None
    delayed_drop: int = 0
    start: int = 0
    current: Current | None = None
    adaptation: Adaptation | None = None
    counts: int | None = None

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states kept between timesteps: potential, current, adaptation, last spikes."""
        kept = (True, self.current is not None, self.adaptation is not None, self.delayed is not None)
        return tuple(name for name, here in zip("vias", kept, strict=True) if here)


@dataclass(frozen=True, eq=False)
class Feedback:
    """Spikes of a layer that come back to it one timestep later.

    Args:
        synapses: From every neuron to every neuron.
        multiplier: Of each neuron's sums, shape (neurons,).
    """

    synapses: Synapses
    multiplier: Ints


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """Synapses and the neurons behind them.

    The wide current of a neuron is `sums · multiplier + bias`: batch norm, gain and the scale of the codes
    are in the two.

    Args:
        name: Dotted name in the float network.
        source: The node it reads.
        synapses: Integer weights.
        multiplier: Of each output channel's sums, int64, shape (outputs,).
        bias: Wide, int64, shape (outputs,).
        neuron: The neurons.
        feedback: Recurrent connections, if there are any.
    """

    name: str
    source: int
    synapses: Synapses
    multiplier: Ints
    bias: Ints
    neuron: IntegerNeuron
    feedback: Feedback | None = None


@dataclass(frozen=True)
class Pool:
    """The maximum or the sum of each window; an average is a sum whose divisor is in the next multiplier.

    Args:
        name: Dotted name in the float network.
        source: The node it reads.
        kind: `max` or `sum`.
        kernel: Rows and columns of a window.
        stride: Rows and columns from one window to the next.
        padding: Rows and columns of zeros on each side.
        size: Rows and columns of the output; windows may reach beyond the input, where zeros are.
    """

    name: str
    source: int
    kind: Literal["max", "sum"]
    kernel: Pair
    stride: Pair
    padding: Pair
    size: Pair


@dataclass(frozen=True)
class Join:
    """Two wires of one shape: `left_factor · left + right_factor · right`, or a gate of spikes.

    Args:
        name: Dotted name in the float network.
        source: The node that gives the body's output.
        other: The node that gives the shortcut's.
        kind: `add`, `and` (both), or `iand` (the shortcut, where the body does not veto it).
        factors: Of body and shortcut, which bring them to one unit.
    """

    name: str
    source: int
    other: int
    kind: Literal["add", "and", "iand"]
    factors: Pair = (1, 1)


@dataclass(frozen=True, eq=False)
class Attention:
    """Temporal-channel joint attention: a table of sigmoids gates each channel of each timestep.

        z[t, c]  = sum over the pixels of x[t, c]
        p[t, c]  = (temporal z)[t, c] · (channel z)[t, c]
        y[t, c]  = table[round(p · multiplier / 2^shift), saturated] · x[t, c]

    Args:
        name: Dotted name in the float network.
        source: The node it reads.
        temporal: Weights between timesteps, sliding over channels, shape (T, T, 1, kernel).
        channel: Weights between channels, sliding over timesteps, shape (C, C, 1, kernel).
        padding: Zeros before and behind, of both.
        multiplier: See above.
        shift: See above.
        table: Gates; the middle entry is that of 0.
    """

    name: str
    source: int
    temporal: Synapses
    channel: Synapses
    padding: Pair
    multiplier: int
    shift: int
    table: Ints

    @property
    def timesteps(self) -> int:
        """T of every sequence."""
        return len(self.temporal.weights)


Node = IntegerLayer | Pool | Join | Attention


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A network of integers; the last node's spikes vote.

    Args:
        sensor: Channels, height, width of a frame.
        classes: Number of classes; the last node has as many channels for each, side by side.
        nodes: In an order in which every node comes behind those it reads.
        input_most: Largest integer of a frame; frames are integers from 0 on.
        input_step: What one unit of a frame is in the float network.
        timesteps: T of every sequence, where a node sees all timesteps at once; else None.
        facts: What is known beside: where it comes from, how recordings become frames.
    """

    sensor: Shape
    classes: int
    nodes: tuple[Node, ...]
    input_most: int = 1
    input_step: float = 1.0
    timesteps: int | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def shapes(self) -> list[Shape]:
        """Shape of each node's output, in their order."""
        found: list[Shape] = []

        def of(source: int) -> Shape:
            return self.sensor if source == INPUT else found[source]

        for node in self.nodes:
            before = of(node.source)
            if isinstance(node, IntegerLayer):
                found.append(node.synapses.output_shape(before))
            elif isinstance(node, Pool):
                found.append((before[0], *node.size))
            else:
                found.append(before)
        return found

    @property
    def synapses(self) -> list[tuple[str, Synapses]]:
        """Everything that is stored as weights, by name, in order."""
        found: list[tuple[str, Synapses]] = []
        for node in self.nodes:
            if isinstance(node, IntegerLayer):
                found.append((node.name, node.synapses))
                if node.feedback is not None:
                    found.append((f"{node.name}.feedback", node.feedback.synapses))
            elif isinstance(node, Attention):
                found += [(f"{node.name}.temporal", node.temporal), (f"{node.name}.channel", node.channel)]
        return found


def as_ints(values: npt.ArrayLike) -> Ints:
    """An array of 64-bit integers."""
    return np.asarray(values, np.int64)
