"""Many versions of one network at once: bits, sparsities, formats and activities as one array computation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spareto.core.errors import ConfigError
from spareto.core.errors import Problem as Trouble
from spareto.hardware import formats, neurons
from spareto.hardware.accelerator import Accelerator
from spareto.hardware.charging import Charged, charge
from spareto.hardware.mapping.fixed import fixed_nest
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.points import layer_points
from spareto.records.cost import Mode
from spareto.records.workload import Layer, Statistic, Workload

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """What every version costs; arrays of shape (workloads, formats, statistics, layers).

    Args:
        mode: Accounting rules that were used.
        formats: Names along the second axis.
        statistics: Names along the third axis.
        layers: Names along the fourth axis.
        energy_pj: Energy of one inference.
        latency_cycles: Its cycles.
        stored_bits: Weights as stored in the outermost memory, metadata included.
        energy_by_component_pj: Energy of one inference by component.
    """

    mode: Mode
    formats: tuple[str, ...]
    statistics: tuple[Statistic, ...]
    layers: tuple[str, ...]
    energy_pj: Numbers
    latency_cycles: Numbers
    stored_bits: Numbers
    energy_by_component_pj: Mapping[str, Numbers]


def cost_grid(
    workloads: Sequence[Workload],
    accelerator: Accelerator,
    *,
    weight_formats: Sequence[str] = (),
    statistics: Sequence[Statistic] = ("mean", "max"),
    mappings: Mapping[str, Nest] | None = None,
) -> Grid:
    """Cost versions of one network in every format and at every activity, with one mapping a layer.

    The accesses of a layer are counted once; what differs between versions is charged as arrays.

    Args:
        workloads: The versions; layers agree in everything but weight width, mask and activity.
        accelerator: The chip.
        weight_formats: Names of `formats.registry`; all of them by default.
        statistics: Mean or maximum activity, or both.
        mappings: Mappings to use, by layer name; a layer left out gets the fixed one, sized for the widest
            of its versions.

    Raises:
        UnknownName: No such weight format.
        ConfigError: There is no workload, two differ in more than bits, masks and activity, or one holds a
            neuron whose cost is unknown.
        CapacityError: A layer does not fit.
    """
    versions = _versions(workloads)
    names = tuple(weight_formats) or formats.registry.names()
    stored_as = {name: formats.registry.make(name) for name in names}
    charges: list[Charged] = []
    for layers in versions:
        points = layer_points(layers, accelerator, stored_as, statistics)
        nest = (mappings or {}).get(layers[0].name) or _fixed(layers, accelerator)
        charges.append(charge(points, nest, accelerator))
    shape = (len(workloads), len(names), len(statistics))
    return Grid(
        mode="physical",
        formats=names,
        statistics=tuple(statistics),
        layers=tuple(layers[0].name for layers in versions),
        energy_pj=_stack([charged.energy_pj()[:, 0] for charged in charges], shape),
        latency_cycles=_stack([charged.cycles[:, 0] for charged in charges], shape),
        stored_bits=_stack([charged.points.column(lambda p: p.stored.bits) for charged in charges], shape),
        energy_by_component_pj=_components(charges, shape),
    )


def _versions(workloads: Sequence[Workload]) -> list[tuple[Layer, ...]]:
    """The versions of each layer.

    Raises:
        ConfigError: There is none, or they are no versions of one network.
    """
    if not workloads:
        raise ConfigError(Trouble("workloads", "none", "at least one"))
    for workload in workloads:
        neurons.refuse_unknown(workload)
    expected = [_shape(layer) for layer in workloads[0].layers]
    problems = [
        Trouble(
            f"workloads[{place}]",
            "other layers than workloads[0]",
            "the same network, which differs in weight widths, masks and activity only",
            "Cost other networks by themselves.",
        )
        for place, workload in enumerate(workloads)
        if [_shape(layer) for layer in workload.layers] != expected
    ]
    if problems:
        raise ConfigError(problems)
    return list(zip(*(workload.layers for workload in workloads), strict=True))


def _shape(layer: Layer) -> tuple[Any, ...]:
    """What versions of a layer have in common."""
    return (
        layer.name,
        layer.weight_mask.shape,
        layer.stride,
        layer.padding,
        layer.groups,
        layer.timesteps,
        layer.input.shape,
        layer.output.shape,
        layer.neuron,
    )


def _fixed(layers: Sequence[Layer], accelerator: Accelerator) -> Nest:
    return fixed_nest(max(layers, key=lambda layer: (layer.weight_bits, layer.input.bits)), accelerator)


def _components(charges: Sequence[Charged], shape: tuple[int, ...]) -> dict[str, Numbers]:
    split = [charged.energy_by_component_pj() for charged in charges]
    names = list(dict.fromkeys(name for parts in split for name in parts))
    none = np.zeros((1, 1))
    return {
        name: _stack(
            [np.broadcast_to(parts.get(name, none)[:, 0], int(np.prod(shape))) for parts in split], shape
        )
        for name in names
    }


def _stack(columns: Sequence[Numbers], shape: tuple[int, ...]) -> Numbers:
    return np.stack([column.reshape(shape) for column in columns], axis=-1)
