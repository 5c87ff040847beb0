"""How long a layer takes: the busiest of the units, the neuron units and every memory port.

Averages over the units in use; fills and drains overlap with computing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spareto.hardware.accelerator import Accelerator, Memory
from spareto.hardware.neurons import update_cycles
from spareto.hardware.operations import Operations
from spareto.hardware.traffic import Amount, Counts, Flow
from spareto.records.workload import Layer


def layer_cycles(
    layer: Layer, accelerator: Accelerator, counts: Counts, operations: Operations, flows: Sequence[Flow]
) -> Amount:
    """Cycles of one layer, one entry a mapping."""
    cycles = np.maximum(operations.issued / counts.units, update_cycles(layer, accelerator))
    for memory in accelerator.memories:
        cycles = np.maximum(cycles, _port_cycles(memory, counts, flows))
    return np.ceil(cycles - 1e-9)


def _port_cycles(memory: Memory, counts: Counts, flows: Sequence[Flow]) -> Amount:
    """Cycles the busier port of one instance needs for its share of the traffic."""
    own = [flow for flow in flows if flow.memory == memory.name]
    used = [access.instances for (level, _), access in counts.accesses.items() if level == memory.name]
    busy = np.zeros(1)
    for moved, port in (
        ((flow.read for flow in own), memory.read_bandwidth),
        ((flow.write for flow in own), memory.write_bandwidth),
    ):
        if port is not None:
            busy = np.maximum(busy, sum(moved, np.zeros(1)) / port.amount / used[0])
    return busy
