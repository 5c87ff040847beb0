"""What goes from node to node in the C engine: bits or integers, channels last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spareto.integer.network import Attention, Ints, Join
from spareto.integer.reference import gates
from spareto.runtime.kernels import function
from spareto.runtime.lines import room
from spareto.runtime.plans import words_of


@dataclass(frozen=True)
class Wire:
    """Outputs of a node over some timesteps.

    Args:
        data: uint64 bits (time, height x width, words), or int32 integers (time, height x width, channels).
        channels: Channels.
        height: Rows.
        width: Columns.
        values: Whether it holds integers.
    """

    data: Ints
    channels: int
    height: int
    width: int
    values: bool

    @property
    def steps(self) -> int:
        """Timesteps."""
        return len(self.data)

    @cached_property
    def address(self) -> int:
        """Of `data`, for C."""
        return self.data.ctypes.data

    def like(self, steps: int, *sizes: int, values: bool) -> bool:
        """Whether it has so many timesteps, channels, rows and columns, and holds such numbers."""
        return (self.steps, self.channels, self.height, self.width, self.values) == (steps, *sizes, values)


def empty(
    steps: int, channels: int, height: int, width: int, *, values: bool, spare: Wire | None = None
) -> Wire:
    """A wire to be written to: `spare` where that is like it, for new memory takes longer than its spikes."""
    if spare is not None and spare.like(steps, channels, height, width, values=values):
        return spare
    each, kind = (channels, np.int32) if values else (words_of(channels), np.uint64)
    return Wire(room((steps, height * width, each), kind), channels, height, width, values)


def of_frames(frames: Ints, most: int, spare: Wire | None = None) -> Wire:
    """Frames (time, channels, height, width) of bytes."""
    steps, channels, height, width = frames.shape
    wire = empty(steps, channels, height, width, values=most > 1, spare=spare)
    if wire.values:
        wire.data[...] = frames.transpose(0, 2, 3, 1).reshape(steps, height * width, channels)
        return wire
    frames = np.ascontiguousarray(frames)
    sizes = (steps, channels, height * width)
    function("spareto_pack", "ppqqq")(frames.ctypes.data, wire.address, *sizes)
    return wire


def as_values(wire: Wire, factors: Ints | None = None) -> Wire:
    """Bits as integers; with factors (time, channels), each spike is its factor."""
    if wire.values:
        data = wire.data if factors is None else wire.data * factors[:, None, :]
        return Wire(data.astype(np.int32, copy=False), wire.channels, wire.height, wire.width, True)
    found = empty(wire.steps, wire.channels, wire.height, wire.width, values=True)
    kept = None if factors is None else np.ascontiguousarray(factors, np.int32)
    sizes = (wire.steps, wire.height * wire.width, wire.channels)
    address = None if kept is None else kept.ctypes.data
    function("spareto_unpack", "pppqqq")(wire.address, found.address, address, *sizes)
    return found


def as_integers(wire: Wire) -> Ints:
    """As the reference has it: (time, channels, height, width), int64."""
    data = as_values(wire).data.astype(np.int64)
    return data.reshape(wire.steps, wire.height, wire.width, wire.channels).transpose(0, 3, 1, 2)


def totals(wire: Wire) -> Ints:
    """Sums over the pixels, (time, channels), int64."""
    if wire.values:
        return wire.data.sum(1, dtype=np.int64)
    found = np.empty((wire.steps, wire.channels), np.int64)
    sizes = (wire.steps, wire.height * wire.width, wire.channels)
    function("spareto_totals", "ppqqq")(wire.address, found.ctypes.data, *sizes)
    return found


def vote(wire: Wire, votes: Ints) -> None:
    """Add the last layer's spikes to the votes of their classes, in place."""
    if wire.values:
        votes += totals(wire).sum(0).reshape(len(votes), -1).sum(1)
        return
    sizes = (wire.steps * wire.height * wire.width, wire.channels, wire.channels // len(votes))
    function("spareto_votes", "ppqqq")(wire.address, votes.ctypes.data, *sizes)


def between(node: Join | Attention, before: Wire, found: list[Wire]) -> Wire:
    """What a join or an attention makes of its input."""
    if isinstance(node, Join):
        return _joined(node, before, found[node.other])
    factors = gates(node, totals(before)[:, None, :])[:, 0]
    return as_values(before, factors)


def _joined(join: Join, a: Wire, x: Wire) -> Wire:
    if join.kind == "add":
        left, right = as_values(a).data, as_values(x).data
        data = (left * join.factors[0] + right * join.factors[1]).astype(np.int32, copy=False)
        return Wire(data, a.channels, a.height, a.width, True)
    if a.values or x.values:
        left, right = as_values(a).data, as_values(x).data
        data = left * right if join.kind == "and" else (1 - left) * right
        return Wire(data, a.channels, a.height, a.width, True)
    data = a.data & x.data if join.kind == "and" else ~a.data & x.data
    return Wire(data, a.channels, a.height, a.width, False)
