"""Many versions of one network at once: bits, sparsities, formats and activities as one array computation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spareto import formats
from spareto.core.arguments import of_kind
from spareto.core.errors import ConfigError, Problem
from spareto.hardware.accelerators import AnyChip, chip_of
from spareto.hardware.charging import neurons
from spareto.hardware.charging.design_points import DesignPoints, layer_points
from spareto.hardware.charging.layer import Charged, charge
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.chip import Chip
from spareto.hardware.describing.nest import Nest
from spareto.hardware.engines.array import nest_of
from spareto.hardware.mapping.capacity import Widths
from spareto.hardware.mapping.search import Objective, search_points
from spareto.hardware.workload_cost import cost_all_formats, known_words
from spareto.records.cost import Cost, LayerCost, Mode
from spareto.records.workload import Layer, Statistic, Workload

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CostGrid:
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
    energy_pj: Floats
    latency_cycles: Floats
    stored_bits: Floats
    energy_by_component_pj: Mapping[str, Floats]

    def __repr__(self) -> str:
        workloads = len(self.energy_pj)
        return f"CostGrid({workloads} workloads, {len(self.layers)} layers, {self.formats})"


def cost_grid(
    workloads: Sequence[Workload],
    accelerator: AnyChip,
    *,
    weight_formats: Sequence[str] = (),
    spike_format: str | None = None,
    statistics: Sequence[Statistic] = ("mean", "max"),
    mappings: Mapping[str, Nest] | None = None,
    objective: Objective | None = None,
) -> CostGrid:
    """Cost versions of one network in every format and at every activity.

    With one mapping per layer its accesses are counted once, and curves over bits and sparsities show these
    alone; what differs between versions is charged as arrays. Kinds of accelerators without mappings are
    costed version by version.

    Args:
        workloads: The versions; layers agree in everything but weight width, mask and activity.
        accelerator: The chip: a name, a YAML file, or what `load_accelerator` gives.
        weight_formats: Names of `formats.registry`; `formats.USUAL` by default, as in studies.
        spike_format: How spikes are stored where the accelerator compresses them; None takes its own.
        statistics: Mean or maximum activity, or both.
        mappings: Mappings to use, by layer name; a layer left out gets the fixed one, sized for the widest
            of its versions.
        objective: Search a mapping for every version, format and activity instead of taking one a layer.

    Raises:
        UnknownName: No such weight format, statistic or objective.
        ConfigError: There is no workload, two differ in more than bits, masks and activity, or one holds a
            neuron whose cost is unknown.
        CapacityError: A layer does not fit.
    """
    known_words(*statistics, objective=objective)
    of_kind(workloads, Sequence, "workloads", "a list of workloads", "Write [workload].")
    chip = chip_of(accelerator)
    versions = _versions(workloads)
    names = tuple(weight_formats) or formats.USUAL
    if isinstance(chip, Accelerator):
        stored_as = {name: formats.registry.make(name) for name in names}
        columns: list[_Columns] = []
        for layers in versions:
            points = layer_points(layers, chip, stored_as, statistics, spike_format=spike_format)
            if objective:
                columns.append(_searched(points, chip, _widest(layers), objective))
            else:
                nest = nest_of(_widest(layers), chip, mappings or {})
                columns.append(_Columns.of(charge(points, nest, chip)))
    else:
        columns = _one_by_one(workloads, chip, names, spike_format, statistics)
    shape = (len(workloads), len(names), len(statistics))
    return CostGrid(
        mode="physical",
        formats=names,
        statistics=tuple(statistics),
        layers=tuple(layers[0].name for layers in versions),
        energy_pj=_stack([layer.energy_pj for layer in columns], shape),
        latency_cycles=_stack([layer.cycles for layer in columns], shape),
        stored_bits=_stack([layer.stored_bits for layer in columns], shape),
        energy_by_component_pj=_components(columns, shape),
    )


@dataclass(frozen=True)
class _Columns:
    """What one layer costs, one entry per point."""

    energy_pj: Floats
    cycles: Floats
    stored_bits: Floats
    by_component: Mapping[str, Floats]

    @classmethod
    def of(cls, charged: Charged) -> _Columns:
        """Under the first mapping."""
        points = len(charged.points.points)
        parts = charged.energy_by_component_pj()
        return cls(
            energy_pj=charged.energy_pj()[:, 0],
            cycles=charged.cycles[:, 0],
            stored_bits=charged.points.column(lambda p: p.stored.bits),
            by_component={name: np.broadcast_to(part[:, 0], points) for name, part in parts.items()},
        )

    @classmethod
    def joined(cls, pieces: Sequence[_Columns], rows: Sequence[int]) -> _Columns:
        """Pieces put together, the entries of which belong at `rows`."""
        order = np.argsort(rows)
        return cls(
            energy_pj=np.concatenate([piece.energy_pj for piece in pieces])[order],
            cycles=np.concatenate([piece.cycles for piece in pieces])[order],
            stored_bits=np.concatenate([piece.stored_bits for piece in pieces])[order],
            by_component={
                name: np.concatenate([piece.by_component[name] for piece in pieces])[order]
                for name in pieces[0].by_component
            },
        )


def _one_by_one(
    workloads: Sequence[Workload],
    chip: Chip,
    names: Sequence[str],
    spike_format: str | None,
    statistics: Sequence[Statistic],
) -> list[_Columns]:
    """Each layer's costs, gathered from the costs of every version."""
    costs: list[Cost] = []
    for workload in workloads:
        by_statistic = [
            cost_all_formats(
                workload, chip, weight_formats=names, spike_format=spike_format, statistic=statistic
            )
            for statistic in statistics
        ]
        costs += [cost for same_format in zip(*by_statistic, strict=True) for cost in same_format]
    return [_gathered(layers) for layers in zip(*(cost.attributed for cost in costs), strict=True)]


def _gathered(layers: Sequence[LayerCost]) -> _Columns:
    parts = [layer.energy_by_component() for layer in layers]
    names = dict.fromkeys(name for part in parts for name in part)
    return _Columns(
        energy_pj=np.array([layer.energy_pj for layer in layers]),
        cycles=np.array([layer.latency_cycles for layer in layers]),
        stored_bits=np.array([layer.stored_bits for layer in layers]),
        by_component={name: np.array([part.get(name, 0.0) for part in parts]) for name in names},
    )


def _versions(workloads: Sequence[Workload]) -> list[tuple[Layer, ...]]:
    """The versions of each layer.

    Raises:
        ConfigError: There is none, or they are no versions of one network.
    """
    if not workloads:
        raise ConfigError(Problem("workloads", "none", "at least one"))
    for workload in workloads:
        neurons.refuse_unknown(workload)
    _refuse_products(workloads)
    expected = [_shape(layer) for layer in workloads[0].layers]
    ConfigError.if_any(
        Problem(
            f"workloads[{place}]",
            "other layers than workloads[0]",
            "the same network, which differs in weight widths, masks and activity only",
            "Cost other networks by themselves.",
        )
        for place, workload in enumerate(workloads)
        if [_shape(layer) for layer in workload.layers] != expected
    )
    return list(zip(*(workload.layers for workload in workloads), strict=True))


def _refuse_products(workloads: Sequence[Workload]) -> None:
    """A grid is over weights; products of activations have none."""
    ConfigError.if_any(
        Problem(
            f"workloads[{place}].products",
            ", ".join(product.name for product in workload.products),
            "layers with weights only",
            "Cost the workloads one by one, with spareto.cost.",
        )
        for place, workload in enumerate(workloads)
        if workload.products
    )


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
        layer.plane,
        layer.output.shape,
        layer.neuron,
    )


def _widest(layers: Sequence[Layer]) -> Layer:
    """The version whose elements take most room."""
    return max(layers, key=lambda layer: (layer.weight_bits, layer.input.bits))


def _searched(
    points: DesignPoints, accelerator: Accelerator, widest: Layer, objective: Objective
) -> _Columns:
    """Each point under a mapping searched for it."""
    rows_of: dict[int, list[int]] = {}
    found = search_points(points, accelerator, Widths.of(widest, accelerator), objective=objective)
    for row, best in enumerate(found):
        rows_of.setdefault(id(best.nest), []).append(row)
    pieces = [
        _Columns.of(charge(points.chosen(rows), found[rows[0]].nest, accelerator))
        for rows in rows_of.values()
    ]
    return _Columns.joined(pieces, [row for rows in rows_of.values() for row in rows])


def _components(layers: Sequence[_Columns], shape: tuple[int, ...]) -> dict[str, Floats]:
    names = dict.fromkeys(name for layer in layers for name in layer.by_component)
    none = np.zeros(int(np.prod(shape)))
    return {name: _stack([layer.by_component.get(name, none) for layer in layers], shape) for name in names}


def _stack(columns: Sequence[Floats], shape: tuple[int, ...]) -> Floats:
    return np.stack([column.reshape(shape) for column in columns], axis=-1)
