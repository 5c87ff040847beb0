"""What updating the neurons costs: state traffic and arithmetic, every neuron at every timestep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.hardware.accelerator import Accelerator
from spareto.hardware.energy import neuron_actions
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.points import Column, Points
from spareto.hardware.problem import RELEVANT
from spareto.hardware.traffic import Amount, Flow
from spareto.records.workload import Layer, Neuron, Workload


@dataclass(frozen=True)
class _Update:
    """Arithmetic of one update: actions on every state variable, and actions once a neuron."""

    each_state: tuple[str, ...]
    once: tuple[str, ...] = ("compare",)


_UPDATES: Final[dict[str, _Update]] = {
    "if": _Update(("integrate",)),
    "lif": _Update(("leak", "integrate")),
    "plif": _Update(("leak", "integrate")),
    "li": _Update(("leak", "integrate"), once=()),
    "synaptic": _Update(("leak", "integrate")),
    "alif": _Update(("leak", "integrate")),
}


def refuse_unknown(workload: Workload) -> None:
    """Check that the cost of every neuron is known.

    Raises:
        ConfigError: Lists every layer with a neuron of another kind; none is costed as zero.
    """
    problems = [
        Problem(
            f"layer '{layer.name}'",
            f"neuron '{layer.neuron.kind}'",
            one_of(_UPDATES),
            did_you_mean(layer.neuron.kind, tuple(_UPDATES))
            or "Add what one update of it does to the cost model.",
        )
        for layer in workload.layers
        if layer.neuron and layer.neuron.kind not in _UPDATES
    ]
    if problems:
        raise ConfigError(problems)


def state_flows(points: Points, nest: Nest, accelerator: Accelerator) -> Iterator[Flow]:
    """Bits of membrane state moved: one read and one write a neuron and timestep at the state level.

    Where other neurons take the state level between two timesteps, the state also leaves for the outermost
    memory and comes back.
    """
    layer = points.layer
    if layer.neuron is None:
        return
    level = accelerator.neuron.state_level
    bits = np.full(len(points.points), float(_state_bits(layer.neuron)))
    yield from _both_ways(level, np.full(1, float(layer.timesteps)), bits)
    passes, moved = np.ones(1, np.int64), np.zeros(1, np.bool_)
    for index in nest.outside(level, "temporal"):
        loop = nest.loops[index]
        if loop.dim == "T":
            passes = np.where(moved, passes * loop.bound, passes)
        elif loop.dim in RELEVANT["outputs"]:
            moved = moved | (loop.bound > 1)
    outermost = accelerator.memories[0].name
    if outermost != level:
        yield from _both_ways(outermost, (passes - 1).astype(np.float64), bits)


def _both_ways(memory: str, times: Amount, bits: Column) -> Iterator[Flow]:
    yield Flow(memory, "state", "read", times, bits)
    yield Flow(memory, "state", "write", times, bits)


@dataclass(frozen=True)
class Arithmetic:
    """One kind of action on the state: how often per inference, and the energy of one, picojoules."""

    action: str
    count: float
    each_pj: float


def arithmetic(layer: Layer, accelerator: Accelerator) -> Iterator[Arithmetic]:
    """Leak, integration and comparison of every neuron at every timestep."""
    if layer.neuron is None:
        return
    unit, update = accelerator.neuron, _UPDATES[layer.neuron.kind]
    energies = neuron_actions(unit, layer.neuron.state_bits)
    updates = layer.neuron.count * layer.timesteps
    counts = dict.fromkeys(update.each_state, updates * layer.neuron.states)
    counts |= dict.fromkeys(update.once, updates)
    for action, count in counts.items():
        yield Arithmetic(action, count, energies[action])


def update_cycles(layer: Layer, accelerator: Accelerator) -> float:
    """Cycles the neuron units are busy."""
    if layer.neuron is None:
        return 0.0
    return layer.neuron.count * layer.timesteps / accelerator.neuron.lanes.amount


def _state_bits(neuron: Neuron) -> int:
    return neuron.count * neuron.states * neuron.state_bits
