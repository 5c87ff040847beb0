"""Everything one layer is charged for, at many points and under many mappings at once, mode `physical`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spareto.hardware.charging import neurons
from spareto.hardware.charging.design_points import Column, DesignPoints
from spareto.hardware.charging.latency import layer_cycles
from spareto.hardware.charging.traffic import AccessCounts, Flow, Table, layer_flows, total_bits
from spareto.hardware.charging.wires import wire_flows
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.records.cost import ActionCost


@dataclass(frozen=True)
class Work:
    """Arithmetic of one kind, the same under every mapping; one entry per point.

    Args:
        component: Who does it.
        tensor: What on: `products` or `state`.
        action: What: `accumulate`, `gated`, `leak`, ...
        count: How often.
        each_pj: Energy of one, picojoules.
    """

    component: str
    tensor: str
    action: str
    count: Column
    each_pj: Column


@dataclass(frozen=True)
class Charged:
    """What one layer does.

    Args:
        points: The layer at its points.
        accelerator: The chip.
        flows: Bits moved at every memory.
        work: Arithmetic.
        counts: The accesses behind them.
        nest: The mapping, or many.
    """

    points: DesignPoints
    accelerator: Accelerator
    flows: tuple[Flow, ...]
    work: tuple[Work, ...]
    counts: AccessCounts
    nest: Nest

    @cached_property
    def cycles(self) -> Table:
        """Latency, shape (points, mappings)."""
        return layer_cycles(self.points, self.accelerator, self.counts, self.flows)

    def energy_pj(self) -> Table:
        """Energy of the layer, picojoules, shape (points, mappings)."""
        fixed = sum((work.count * work.each_pj for work in self.work), np.zeros(len(self.points.points)))
        moved = total_bits(self.flows, [self._pj_per_bit(flow) for flow in self.flows])
        leaked = sum(_leakage(self.accelerator).values())
        return moved + fixed[:, None] + (self.cycles * leaked if leaked else 0.0)

    def energy_by_component_pj(self) -> dict[str, Table]:
        """Energy by component, shapes that broadcast to (points, mappings)."""
        totals: dict[str, Table] = {}
        for flow in self.flows:
            totals[flow.memory] = totals.get(flow.memory, 0.0) + flow.moved() * self._pj_per_bit(flow)
        for work in self.work:
            done = (work.count * work.each_pj)[:, None]
            totals[work.component] = totals.get(work.component, 0.0) + done
        for component, leaked in _leakage(self.accelerator).items():
            totals[component] = totals.get(component, 0.0) + self.cycles * leaked
        return totals

    def actions(self, point: int = 0) -> Iterator[ActionCost]:
        """Every action that happens at all at one point under the first mapping."""
        moved: dict[tuple[str, str, str], tuple[float, Flow]] = {}
        for flow in self.flows:
            key = (flow.memory, flow.tensor, flow.action)
            bits, _ = moved.get(key, (0.0, flow))
            moved[key] = bits + float(flow.moved()[point, 0]), flow
        for (component, tensor, action), (bits, flow) in moved.items():
            if bits:
                count = bits / self._width(flow)
                through = 0.0 if action == "hop" else bits  # of a memory; wires move them on
                yield ActionCost.of(component, tensor, action, count, self._each_pj(flow), through)
        for work in self.work:
            if work.count[point]:
                each = float(work.each_pj[point])
                yield ActionCost.of(work.component, work.tensor, work.action, float(work.count[point]), each)
        for component, leaked in _leakage(self.accelerator).items():
            yield ActionCost.of(component, "idle", "leak", float(self.cycles[point, 0]), leaked)

    def _pj_per_bit(self, flow: Flow) -> float:
        return self._each_pj(flow) / self._width(flow)

    def _each_pj(self, flow: Flow) -> float:
        """Energy of one action: an access of a whole row, or one bit over one hop."""
        if flow.action == "hop":
            return self.accelerator.wired[flow.memory].amount
        return self.accelerator.memory(flow.memory).energy_of(flow.action).amount

    def _width(self, flow: Flow) -> float:
        """Bits of one action."""
        return 1.0 if flow.action == "hop" else self.accelerator.memory(flow.memory).width.amount


def charge(points: DesignPoints, nest: Nest, accelerator: Accelerator) -> Charged:
    """Count the accesses of a layer once, and charge every point for them.

    Args:
        points: The layer in the formats, widths and activities to charge for.
        nest: Its mapping, or many with the same loop order.
        accelerator: The chip.
    """
    counts = AccessCounts.of(points.layer, LoopProblem.of(points.layer), nest, accelerator)
    tensors = layer_flows(points, counts, accelerator)
    wires = wire_flows(tensors, nest, accelerator)
    states = neurons.state_flows(points, nest, accelerator)
    flows = (*tensors, *wires, *_bias_flows(points, accelerator), *states)
    work = (*_synaptic(points, accelerator), *_updates(points, accelerator))
    return Charged(points, accelerator, flows, work, counts, nest)


def _bias_flows(points: DesignPoints, accelerator: Accelerator) -> Iterator[Flow]:
    """Biases are read from the outermost memory once an inference; adding them is part of the update."""
    layer = points.layer
    if layer.bias_bits is not None:
        bits = np.full(len(points.points), float(layer.bias_bits * layer.out_channels))
        yield Flow(accelerator.memories[0].name, "biases", "read", np.ones(1), bits)


def _synaptic(points: DesignPoints, accelerator: Accelerator) -> Iterator[Work]:
    name, gated = accelerator.compute.name, accelerator.compute.gated_energy.amount
    for action in sorted({point.action for point in points.points}):
        done = points.column(lambda p, action=action: p.operations.executed if p.action == action else 0.0)
        yield Work(name, "products", action, done, points.column(lambda p: p.action_pj))
    idle = points.column(lambda p: p.operations.gated)
    yield Work(name, "products", "gated", idle, np.full_like(idle, gated))


def _updates(points: DesignPoints, accelerator: Accelerator) -> Iterator[Work]:
    """Leak, integration and comparison of every update, reset of every neuron that fired."""
    neuron, unit = points.layer.neuron, accelerator.neuron
    if neuron is None:
        return
    updates, spikes = points.column(lambda p: p.updates), points.column(lambda p: p.spikes)
    for action, count, each in neurons.update_actions(neuron, unit, updates, spikes):
        yield Work(unit.name, "state", action, count, np.full_like(count, each))


def _leakage(accelerator: Accelerator) -> dict[str, float]:
    """Picojoules a cycle that the components leak, where the description says so."""
    parts = [*accelerator.memories, accelerator.compute, accelerator.neuron]
    return {part.name: part.leakage.amount * part.count for part in parts if part.leakage}
