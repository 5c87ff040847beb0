"""How long a layer takes: the busiest of the units, the neuron units and every memory port.

Averages over the units in use; but for the first words of a layer, fills and drains overlap with computing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spareto.hardware.charging.design_points import DesignPoints
from spareto.hardware.charging.neurons import update_cycles
from spareto.hardware.charging.traffic import AccessCounts, Flow, Table, total_bits
from spareto.hardware.describing.accelerator import Accelerator, Memory
from spareto.records.workload import Layer


def layer_cycles(
    points: DesignPoints, accelerator: Accelerator, counts: AccessCounts, flows: Sequence[Flow]
) -> Table:
    """Cycles of one layer, shape (points, mappings)."""
    issued = points.column(lambda p: p.operations.issued * p.imbalance)
    cycles = np.maximum(np.outer(issued, 1.0 / counts.units), update_cycles(points, accelerator)[:, None])
    if rate := accelerator.compute.intersection_rate:
        pairs = points.layer.dense_synops / accelerator.compute.skip_window
        cycles = np.maximum(cycles, pairs / (rate.amount * counts.units))
    for memory in accelerator.memories:
        for moved in _port_bits(memory, flows):
            limit = memory.read_bandwidth if moved[0].action == "read" else memory.write_bandwidth
            if limit is not None:
                accesses = counts.accesses.items()
                in_use = next(access.instances for (level, _), access in accesses if level == memory.name)
                cycles = np.maximum(cycles, total_bits(moved, scale=1.0 / (limit.amount * in_use)))
    return np.ceil(cycles - 1e-9) + first_result_cycles(points.layer, accelerator)


def first_result_cycles(layer: Layer, accelerator: Accelerator) -> float:
    """Cycles before anything comes out: the first words and operands on their way; stated, else none."""
    parts = [*accelerator.memories, accelerator.compute]
    stages = [*parts, accelerator.neuron] if layer.neuron else parts
    return sum(stage.latency.amount for stage in stages if stage.latency)


def _port_bits(memory: Memory, flows: Sequence[Flow]) -> list[list[Flow]]:
    """The flows of a memory, by port."""
    own = [flow for flow in flows if flow.memory == memory.name]
    ports = ([flow for flow in own if flow.action == action] for action in ("read", "write"))
    return [port for port in ports if port]
