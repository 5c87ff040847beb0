"""How long a layer takes: the busiest of the units, the neuron units and every memory port.

Averages over the units in use; fills and drains overlap with computing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from spareto.hardware.accelerator import Accelerator, Memory
from spareto.hardware.neurons import update_cycles
from spareto.hardware.operations import Operations
from spareto.hardware.traffic import Counts, Flow
from spareto.records.workload import Layer


def layer_cycles(
    layer: Layer, accelerator: Accelerator, counts: Counts, operations: Operations, flows: Sequence[Flow]
) -> int:
    """Cycles of one layer."""
    cycles = max(operations.issued / counts.units, update_cycles(layer, accelerator))
    for memory in accelerator.memories:
        cycles = max(cycles, _port_cycles(memory, counts, flows))
    return ceil(cycles - 1e-9)


def _port_cycles(memory: Memory, counts: Counts, flows: Sequence[Flow]) -> float:
    own = [flow for flow in flows if flow.memory == memory.name]
    instances = max(
        (int(a.instances[0]) for (level, _), a in counts.accesses.items() if level == memory.name)
    )
    busy = 0.0
    if memory.read_bandwidth:
        busy = sum(flow.read for flow in own) / instances / memory.read_bandwidth.amount
    if memory.write_bandwidth:
        busy = max(busy, sum(flow.write for flow in own) / instances / memory.write_bandwidth.amount)
    return busy
