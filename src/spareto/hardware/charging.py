"""Everything one layer is charged for under one mapping, or under many at once, mode `physical`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spareto.hardware import neurons
from spareto.hardware.accelerator import Accelerator
from spareto.hardware.energy import accumulator_bits, operation
from spareto.hardware.formats import Format, Size
from spareto.hardware.latency import layer_cycles
from spareto.hardware.mapping.capacity import Widths
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.operations import Operations, count_operations
from spareto.hardware.traffic import Amount, Counts, Flow, layer_flows
from spareto.records.cost import ActionCost
from spareto.records.workload import Layer, Statistic


@dataclass(frozen=True)
class Charged:
    """What one layer does, one entry a mapping.

    Args:
        layer: The layer.
        accelerator: The chip.
        stored: Bits of its weights in the storage format.
        operations: Synaptic operations.
        flows: Bits moved at every memory.
        cycles: Latency, cycles.
    """

    layer: Layer
    accelerator: Accelerator
    stored: Size
    operations: Operations
    flows: tuple[Flow, ...]
    cycles: Amount

    def energy_pj(self) -> Amount:
        """Energy of the layer, picojoules."""
        fixed = sum(action.energy_pj for action in self.arithmetic())
        return sum((energy for _, _, _, _, energy in self._moves()), np.full(1, fixed))

    def actions(self) -> Iterator[ActionCost]:
        """Every action of the first mapping that happens at all."""
        for component, tensor, action, count, energy in self._moves():
            if count[0]:
                yield ActionCost(
                    component=component,
                    tensor=tensor,
                    action=action,
                    count=float(count[0]),
                    energy_pj=float(energy[0]),
                )
        yield from (action for action in self.arithmetic() if action.count)

    def arithmetic(self) -> Iterator[ActionCost]:
        """Synaptic operations and neuron updates: the same under every mapping."""
        compute = self.accelerator.compute
        action, energy = operation(self.layer, compute)
        for name, count, each in (
            (action, self.operations.executed, energy),
            ("gated", self.operations.gated, compute.gated_energy.amount),
        ):
            yield ActionCost(
                component=compute.name, tensor="products", action=name, count=count, energy_pj=count * each
            )
        yield from neurons.arithmetic(self.layer, self.accelerator)

    def _moves(self) -> Iterator[tuple[str, str, str, Amount, Amount]]:
        for flow in self.flows:
            memory = self.accelerator.memory(flow.memory)
            for action, bits, energy in (
                ("read", flow.read, memory.read_energy),
                ("write", flow.write, memory.write_energy),
            ):
                count = bits / memory.width.amount
                yield memory.name, flow.tensor, action, count, count * energy.amount


def charge(
    layer: Layer, nest: Nest, counts: Counts, accelerator: Accelerator, fmt: Format, statistic: Statistic
) -> Charged:
    """Charge a layer whose accesses are counted.

    Args:
        layer: The layer.
        nest: Its mapping, or many with the same loop order.
        counts: The accesses of that nest.
        accelerator: The chip.
        fmt: Storage format of the weights.
        statistic: Mean or maximum activity.
    """
    stored = fmt.size(counts.mask, layer.weight_bits)
    innermost = [memory for memory in accelerator.memories if "weights" in memory.keeps][-1]
    located = fmt.locates_zeros and "weights" in innermost.compresses
    operations = count_operations(layer, counts.live, accelerator.compute, statistic, zeros_located=located)
    flows = (
        *layer_flows(layer, counts, accelerator, operations, stored),
        *neurons.state_flows(layer, nest, accelerator),
    )
    cycles = layer_cycles(layer, accelerator, counts, operations, flows)
    return Charged(layer, accelerator, stored, operations, flows, cycles)


def held_widths(layer: Layer, accelerator: Accelerator) -> Widths:
    """Bits that the elements of a layer take while tiles are chosen."""
    return Widths(
        weights=max(layer.weight_bits, int(accelerator.dataflow.weights_sized_for.amount)),
        inputs=layer.input.bits,
        outputs=accumulator_bits(layer, accelerator.compute),
        state=layer.neuron.states * layer.neuron.state_bits if layer.neuron else 0,
    )
