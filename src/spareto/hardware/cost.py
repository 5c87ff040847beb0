"""A workload in, its cost out: what the hardware room is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spareto.hardware import formats, neurons
from spareto.hardware.accelerator import Accelerator
from spareto.hardware.energy import accumulator_bits, operation
from spareto.hardware.formats import Format
from spareto.hardware.latency import layer_cycles
from spareto.hardware.mapping.capacity import Widths
from spareto.hardware.mapping.fixed import fixed_mapping
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.operations import Operations, count_operations
from spareto.hardware.problem import Problem
from spareto.hardware.traffic import Counts, Flow, layer_flows
from spareto.records.cost import ActionCost, Cost, LayerCost
from spareto.records.workload import Layer, Statistic, Workload


def cost(
    workload: Workload, accelerator: Accelerator, *, weight_format: str = "rle", statistic: Statistic = "mean"
) -> Cost:
    """Energy, cycles and stored bits of one inference.

    Args:
        workload: The measured network.
        accelerator: The chip, from `load_accelerator`.
        weight_format: How weights are stored; a name of `formats.registry`.
        statistic: Charge the mean or the maximum spiking activity.

    Raises:
        UnknownName: No such weight format.
        ConfigError: The workload holds a neuron whose cost is unknown; every such layer is listed.
        CapacityError: A layer does not fit; says which memory overflows by how much.
    """
    formats.registry.get(weight_format)
    return _cost(accelerator, _mapped(workload, accelerator), weight_format, statistic)


def cost_all_formats(
    workload: Workload, accelerator: Accelerator, *, statistic: Statistic = "mean"
) -> tuple[Cost, ...]:
    """The cost in every weight format, by name; mapping and access counts are shared.

    Raises:
        ConfigError: The workload holds a neuron whose cost is unknown.
        CapacityError: A layer does not fit.
    """
    layers = _mapped(workload, accelerator)
    return tuple(_cost(accelerator, layers, name, statistic) for name in formats.registry.names())


@dataclass(frozen=True)
class _Mapped:
    """A layer on the chip: what does not depend on format and activity."""

    layer: Layer
    nest: Nest
    counts: Counts


def _mapped(workload: Workload, accelerator: Accelerator) -> list[_Mapped]:
    neurons.refuse_unknown(workload)
    return [_map(layer, accelerator) for layer in workload.layers]


def _map(layer: Layer, accelerator: Accelerator) -> _Mapped:
    problem = Problem.of(layer)
    nest = fixed_mapping(accelerator, problem, _widths(layer, accelerator))
    return _Mapped(layer, nest, Counts.of(layer, problem, nest, accelerator))


def _widths(layer: Layer, accelerator: Accelerator) -> Widths:
    return Widths(
        weights=max(layer.weight_bits, int(accelerator.dataflow.weights_sized_for.amount)),
        inputs=layer.input.bits,
        outputs=accumulator_bits(layer, accelerator.compute),
        state=layer.neuron.states * layer.neuron.state_bits if layer.neuron else 0,
    )


def _cost(
    accelerator: Accelerator, layers: Sequence[_Mapped], weight_format: str, statistic: Statistic
) -> Cost:
    fmt = formats.registry.make(weight_format)
    return Cost(
        accelerator=accelerator.name,
        mode="physical",
        weight_format=weight_format,
        statistic=statistic,
        layers=tuple(_layer_cost(accelerator, mapped, fmt, statistic) for mapped in layers),
    )


def _layer_cost(accelerator: Accelerator, mapped: _Mapped, fmt: Format, statistic: Statistic) -> LayerCost:
    layer, counts = mapped.layer, mapped.counts
    stored = fmt.size(layer.weight_mask.array(), layer.weight_bits)
    innermost = [memory for memory in accelerator.memories if "weights" in memory.keeps][-1]
    located = fmt.locates_zeros and "weights" in innermost.compresses
    operations = count_operations(layer, accelerator.compute, statistic, zeros_located=located)
    flows = [
        *layer_flows(layer, counts, accelerator, operations, stored),
        *neurons.state_flows(layer, mapped.nest, accelerator),
    ]
    actions = [
        *_moves(accelerator, flows),
        *_computes(layer, accelerator, operations),
        *neurons.arithmetic(layer, accelerator),
    ]
    return LayerCost(
        name=layer.name,
        latency_cycles=layer_cycles(layer, accelerator, counts, operations, flows),
        stored_bits=stored.bits,
        actions=tuple(action for action in actions if action.count),
    )


def _moves(accelerator: Accelerator, flows: Sequence[Flow]) -> Iterator[ActionCost]:
    for flow in flows:
        memory = accelerator.memory(flow.memory)
        for action, bits, energy in (
            ("read", flow.read, memory.read_energy),
            ("write", flow.write, memory.write_energy),
        ):
            count = bits / memory.width.amount
            yield ActionCost(
                component=memory.name,
                tensor=flow.tensor,
                action=action,
                count=count,
                energy_pj=count * energy.amount,
            )


def _computes(layer: Layer, accelerator: Accelerator, operations: Operations) -> Iterator[ActionCost]:
    compute = accelerator.compute
    action, energy = operation(layer, compute)
    for name, count, each in (
        (action, operations.executed, energy),
        ("gated", operations.gated, compute.gated_energy.amount),
    ):
        yield ActionCost(
            component=compute.name, tensor="products", action=name, count=count, energy_pj=count * each
        )
