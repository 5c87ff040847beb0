"""A workload in, its cost out: what the hardware room is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spareto.hardware import formats, neurons
from spareto.hardware.accelerator import Accelerator
from spareto.hardware.charging import Charged, charge
from spareto.hardware.formats import Format
from spareto.hardware.mapping.fixed import fixed_nest
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.mapping.search import Found, Objective, search
from spareto.hardware.points import layer_points
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
    stored_as = {weight_format: formats.registry.make(weight_format)}
    return next(_costs(workload, accelerator, stored_as, statistic, mappings or {}))


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
    stored_as = {name: formats.registry.make(name) for name in formats.registry.names()}
    return tuple(_costs(workload, accelerator, stored_as, statistic, mappings or {}))


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


def _costs(
    workload: Workload,
    accelerator: Accelerator,
    stored_as: Mapping[str, Format],
    statistic: Statistic,
    mappings: Nests,
) -> Iterator[Cost]:
    """The cost in each format."""
    neurons.refuse_unknown(workload)
    charges = [
        _charge(layer, accelerator, stored_as, statistic, mappings.get(layer.name))
        for layer in workload.layers
    ]
    for place, name in enumerate(stored_as):
        yield Cost(
            accelerator=accelerator.name,
            mode="physical",
            weight_format=name,
            statistic=statistic,
            layers=_records(charges, place),
        )


def _charge(
    layer: Layer,
    accelerator: Accelerator,
    stored_as: Mapping[str, Format],
    statistic: Statistic,
    nest: Nest | None,
) -> Charged:
    points = layer_points([layer], accelerator, stored_as, (statistic,))
    return charge(points, nest or fixed_nest(layer, accelerator), accelerator)


def _records(charges: Sequence[Charged], place: int) -> tuple[LayerCost, ...]:
    return tuple(
        LayerCost(
            name=charged.points.layer.name,
            latency_cycles=float(charged.cycles[place, 0]),
            stored_bits=charged.points.points[place].stored.bits,
            actions=tuple(charged.actions(place)),
        )
        for charged in charges
    )
