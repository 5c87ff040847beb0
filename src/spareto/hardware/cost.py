"""A workload in, its cost out: what the hardware room is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spareto.hardware import formats, neurons
from spareto.hardware.accelerator import Accelerator
from spareto.hardware.charging import Charged, charge, held_widths
from spareto.hardware.mapping.fixed import fixed_mapping
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.mapping.search import Found, Objective, search
from spareto.hardware.problem import Problem
from spareto.hardware.traffic import Counts
from spareto.records.cost import Cost, LayerCost
from spareto.records.workload import Layer, Statistic, Workload

Nests = Mapping[str, Nest]  # by layer name


def cost(
    workload: Workload,
    accelerator: Accelerator,
    *,
    weight_format: str = "rle",
    statistic: Statistic = "mean",
    mappings: Nests | None = None,
) -> Cost:
    """Energy, cycles and stored bits of one inference.

    Args:
        workload: The measured network.
        accelerator: The chip, from `load_accelerator`.
        weight_format: How weights are stored; a name of `formats.registry`.
        statistic: Charge the mean or the maximum spiking activity.
        mappings: Mappings to use, by layer name, from `find_mappings`; a layer left out gets the fixed one.

    Raises:
        UnknownName: No such weight format.
        ConfigError: The workload holds a neuron whose cost is unknown; every such layer is listed.
        CapacityError: A layer does not fit; says which memory overflows by how much.
    """
    formats.registry.get(weight_format)
    return _cost(accelerator, _mapped(workload, accelerator, mappings or {}), weight_format, statistic)


def cost_all_formats(
    workload: Workload,
    accelerator: Accelerator,
    *,
    statistic: Statistic = "mean",
    mappings: Nests | None = None,
) -> tuple[Cost, ...]:
    """The cost in every weight format, by name; mapping and access counts are shared.

    Raises:
        ConfigError: The workload holds a neuron whose cost is unknown.
        CapacityError: A layer does not fit.
    """
    layers = _mapped(workload, accelerator, mappings or {})
    return tuple(_cost(accelerator, layers, name, statistic) for name in formats.registry.names())


def find_mappings(
    workload: Workload,
    accelerator: Accelerator,
    *,
    weight_format: str = "rle",
    statistic: Statistic = "mean",
    objective: Objective = "energy",
) -> dict[str, Found]:
    """The best mapping the mapper finds for each layer, with its gap to the lower bound.

    Pass the nests on to `cost` to freeze them over a sweep of bits, sparsities and formats.

    Raises:
        ConfigError: The workload holds a neuron whose cost is unknown.
        CapacityError: A layer does not fit.
    """
    neurons.refuse_unknown(workload)
    fmt = formats.registry.make(weight_format)
    options: dict[str, Any] = {"statistic": statistic, "objective": objective}
    return {layer.name: search(layer, accelerator, fmt, **options) for layer in workload.layers}


@dataclass(frozen=True)
class _Mapped:
    """A layer on the chip: what does not depend on format and activity."""

    layer: Layer
    nest: Nest
    counts: Counts


def _mapped(workload: Workload, accelerator: Accelerator, mappings: Nests) -> list[_Mapped]:
    neurons.refuse_unknown(workload)
    return [_map(layer, accelerator, mappings.get(layer.name)) for layer in workload.layers]


def _map(layer: Layer, accelerator: Accelerator, nest: Nest | None) -> _Mapped:
    problem = Problem.of(layer)
    nest = nest or fixed_mapping(accelerator, problem, held_widths(layer, accelerator))
    return _Mapped(layer, nest, Counts.of(layer, problem, nest, accelerator))


def _cost(
    accelerator: Accelerator, layers: Sequence[_Mapped], weight_format: str, statistic: Statistic
) -> Cost:
    fmt = formats.registry.make(weight_format)
    charges = [charge(each.layer, each.nest, each.counts, accelerator, fmt, statistic) for each in layers]
    return Cost(
        accelerator=accelerator.name,
        mode="physical",
        weight_format=weight_format,
        statistic=statistic,
        layers=tuple(_record(charged) for charged in charges),
    )


def _record(charged: Charged) -> LayerCost:
    return LayerCost(
        name=charged.layer.name,
        latency_cycles=float(charged.cycles[0]),
        stored_bits=charged.stored.bits,
        actions=tuple(charged.actions()),
    )
