"""What updating the neurons costs: state traffic and arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.hardware.charging.design_points import Column, DesignPoints
from spareto.hardware.charging.energy import neuron_actions
from spareto.hardware.charging.traffic import Amount, Flow
from spareto.hardware.describing.accelerator import Accelerator, NeuronUnit
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import RELEVANT
from spareto.records.workload import Neuron, Workload

CountT = TypeVar("CountT", float, Column)


@dataclass(frozen=True)
class _Update:
    """Arithmetic of one update: actions on every state variable, and actions once a neuron."""

    each_state: tuple[str, ...]
    once: tuple[str, ...] = ("compare",)


_UPDATES: Final[dict[str, _Update]] = {
    "iaf": _Update(("integrate",)),
    "lif": _Update(("leak", "integrate")),
    "plif": _Update(("leak", "integrate")),
    "li": _Update(("leak", "integrate"), once=()),
    "synaptic": _Update(("leak", "integrate")),
    "alif": _Update(("leak", "integrate")),
}

KINDS: Final = tuple(_UPDATES)
"""Kinds of neurons whose updates are known."""


def refuse_unknown(workload: Workload) -> None:
    """Check that the cost of every neuron is known.

    Raises:
        ConfigError: Lists every layer with a neuron of another kind; none is costed as zero.
    """
    ConfigError.if_any(
        Problem(
            f"layer '{layer.name}'",
            f"neuron '{layer.neuron.kind}'",
            one_of(_UPDATES),
            did_you_mean(layer.neuron.kind, tuple(_UPDATES))
            or "Add what one update of it does to the cost model.",
        )
        for layer in (*workload.layers, *workload.products)
        if layer.neuron and layer.neuron.update is None and layer.neuron.kind not in _UPDATES
    )


def state_flows(points: DesignPoints, nest: Nest, accelerator: Accelerator) -> Iterator[Flow]:
    """Bits of membrane state moved: one read and one write an update at the state level.

    Where other neurons take the state level between two timesteps, the state also leaves for the outermost
    memory and comes back.
    """
    layer = points.layer
    if layer.neuron is None:
        return
    level = accelerator.neuron.state_level
    each = layer.neuron.states * layer.neuron.state_bits
    yield from _both_ways(level, np.ones(1), points.column(lambda p: p.updates * each))
    passes, moved = np.ones(1, np.int64), np.zeros(1, np.bool_)
    for index in nest.outside(level, "temporal"):
        loop = nest.loops[index]
        if loop.dim == "T":
            passes = np.where(moved, passes * loop.bound, passes)
        elif loop.dim in RELEVANT["outputs"]:
            moved = moved | (loop.bound > 1)
    outermost = accelerator.memories[0].name
    if outermost != level:
        bits = np.full(len(points.points), float(layer.neuron.count * each))
        yield from _both_ways(outermost, (passes - 1).astype(np.float64), bits)


def actions_of(neuron: Neuron) -> int:
    """Actions of one update, over all states: leak, integrate, compare."""
    update = _update_of(neuron)
    return len(update.each_state) * neuron.states + len(update.once)


def _update_of(neuron: Neuron) -> _Update:
    """What one update does: as the workload says, else by the kind."""
    return _UPDATES[neuron.kind] if neuron.update is None else _Update(*neuron.update)


def _both_ways(memory: str, times: Amount, bits: Column) -> Iterator[Flow]:
    yield Flow(memory, "state", "read", times, bits)
    yield Flow(memory, "state", "write", times, bits)


def update_actions(
    neuron: Neuron, unit: NeuronUnit, updates: CountT, spikes: CountT
) -> Iterator[tuple[str, CountT, float]]:
    """What updates of neurons do: each action, how often, and the energy of one."""
    update, energies = _update_of(neuron), neuron_actions(unit, neuron.state_bits)
    for action in update.each_state:
        yield action, updates * neuron.states, energies[action]
    for action in update.once:
        yield action, updates, energies[action]
    if "compare" in update.once and "reset" in energies:
        yield "reset", spikes, energies["reset"]


def update_cycles(points: DesignPoints, accelerator: Accelerator) -> Column:
    """Cycles the neuron units are busy, one entry per point."""
    return points.column(lambda p: p.updates / accelerator.neuron.lanes.amount)
