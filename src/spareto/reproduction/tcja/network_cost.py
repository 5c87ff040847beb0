"""What the study's network costs on the study's array, many settings at once; mode `timeloop-compatible`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import Count
from spareto.records.workload import Statistic
from spareto.reproduction.tcja.chip import OPERATIONS, SAVINGS, StudyChip
from spareto.reproduction.tcja.mappings import Portfolio, load_portfolio
from spareto.reproduction.tcja.network import StudyLayer, StudyNetwork, StudyPoint
from spareto.reproduction.timeloop.accounting import AccountedCost, Amount, Sparsity, evaluate

MappingChoice = Literal["best", "frozen"]
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Study:
    """Network, array, and the mappings of each layer."""

    network: StudyNetwork
    chip: StudyChip
    portfolio: Portfolio

    @classmethod
    def load(cls) -> Study:
        """The study as it comes with spareto."""
        network = StudyNetwork.load(_FOLDER / "network.yaml")
        return cls(network, StudyChip.load(_FOLDER / "chip.yaml"), load_portfolio(_FOLDER / "mappings.yaml"))


@dataclass(frozen=True)
class NetworkCost:
    """Energy in picojoules by component, and cycles; one entry per point.

    Args:
        energy_pj: Of all layers.
        cycles: Of all layers.
        per_operation_pj: Energy of each layer over its computations, as the tool prints it, summed over
            the layers.
    """

    energy_pj: dict[str, Amount]
    cycles: Amount
    per_operation_pj: dict[str, Amount]

    @property
    def total_pj(self) -> Amount:
        """Energy of all components."""
        return sum(self.energy_pj.values(), np.zeros_like(self.cycles))


@dataclass(frozen=True)
class Columns:
    """Points of one layer, side by side: bits of a weight, density of the weights, and their formats."""

    bits: Amount
    density: Amount
    formats: tuple[str, ...]


Point = tuple[StudyPoint, str]  # and the weight format


def cost_network(
    study: Study,
    points: Sequence[Point],
    *,
    statistic: Statistic = "mean",
    mapping: MappingChoice = "frozen",
    weight_zeros: bool = True,
) -> NetworkCost:
    """Cost one inference at every point.

    Args:
        study: Network, array and mappings.
        points: Settings, each with a weight format: `uop`, `bitmask`, `cp` or `rle`.
        statistic: Mean or maximum activity.
        mapping: The same mapping of a layer at all points; or for each point the one of the portfolio with
            the least energy-delay product.
        weight_zeros: Whether the array makes use of zero weights; if not, all are stored and computed.
    """
    layers = _columns(study, points, weight_zeros=weight_zeros)
    energy: dict[str, Amount] = {}
    each: dict[str, Amount] = {}
    cycles = np.zeros(len(points))
    for layer, columns in zip(study.network.layers, layers, strict=True):
        nests = study.portfolio[layer.name]
        cost = _cost_layer(study, layer, nests if mapping == "best" else nests[:1], columns, statistic)
        cycles = cycles + cost.cycles
        for component, amount in cost.energy_pj.items():
            energy[component] = energy.get(component, 0.0) + amount
            each[component] = each.get(component, 0.0) + cost.per_operation_pj[component]
    return NetworkCost(energy, cycles, each)


def _columns(study: Study, points: Sequence[Point], *, weight_zeros: bool) -> Iterator[Columns]:
    """The points of each layer."""
    bits = np.array([setting.bits for setting, _ in points], np.float64)
    sparsity = {setting: study.network.sparsity(setting) for setting, _ in points}
    density = 1.0 - weight_zeros * np.stack([sparsity[setting] for setting, _ in points], axis=1)
    formats = tuple(name for _, name in points)
    return (Columns(bits, live, formats) for live in density)


def _cost_layer(
    study: Study, layer: StudyLayer, nests: Sequence[Nest], columns: Columns, statistic: Statistic
) -> NetworkCost:
    """The chosen mapping of one layer at every point."""
    outcomes = [run_layer(study, layer, nest, columns, statistic) for nest in nests]
    shape = (1, len(columns.bits))
    cycles = np.concatenate([np.broadcast_to(outcome.cycles, shape) for outcome in outcomes])
    tables = [outcome.component_energy_pj() for outcome in outcomes]
    energy = {
        name: np.concatenate([np.broadcast_to(table[name], shape) for table in tables]) for name in tables[0]
    }
    computes = np.concatenate([np.broadcast_to(outcome.computes, shape) for outcome in outcomes])
    return _chosen(energy, cycles, computes)


def _chosen(energy: dict[str, Amount], cycles: Amount, computes: Amount) -> NetworkCost:
    """At each point (column) the row with the least energy-delay product; the first of equals."""
    best = np.argmin(sum(energy.values(), np.zeros_like(cycles)) * cycles, axis=0)
    place: Count = np.arange(cycles.shape[1], dtype=np.int64)
    kept = {name: table[best, place] for name, table in energy.items()}
    done = computes[best, place]
    return NetworkCost(kept, cycles[best, place], {name: part / done for name, part in kept.items()})


def run_layer(
    study: Study, layer: StudyLayer, nest: Nest, columns: Columns, statistic: Statistic = "mean"
) -> AccountedCost:
    """One layer under the mappings of a nest, bounds of shape (mappings, 1), at every point."""
    chip = study.chip
    stored = chip.rule(columns.formats, columns.bits)
    return evaluate(
        layer.problem,
        nest,
        chip.stores(columns.bits, layer.input),
        (OPERATIONS, chip.operation_pj(columns.bits, columns.formats)),
        Sparsity(
            density={"weights": columns.density, "inputs": input_density(study, layer, statistic)},
            formats={("dram", "weights"): stored, ("weights_spad", "weights"): stored},
            savings=SAVINGS,
        ),
    )


def input_density(study: Study, layer: StudyLayer, statistic: Statistic) -> float:
    """Share of a layer's inputs that are not zero."""
    if layer.input == "analog":
        return 1.0
    busier = study.network.max_over_mean.amount if statistic == "max" else 1.0
    return min(1.0, study.chip.fitted.spike_density.amount * busier)
