"""`spareto cost`: what a measured network costs on an accelerator."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from spareto import hardware
from spareto.hardware.mapping.search import Found, Objective
from spareto.records.cost import Cost, LayerCost
from spareto.records.workload import Statistic, Workload


def cost(
    workload: Path,
    /,
    *,
    accelerator: str = "eyeriss_like",
    weight_format: str = "rle",
    statistic: Literal["mean", "max"] = "mean",
    mapper: Literal["fixed", "search"] = "fixed",
    objective: Literal["energy", "latency", "edp"] = "energy",
    json: bool = False,
) -> None:
    """Cost a saved workload on an accelerator.

    Args:
        workload: A workload file, as `spareto study run` leaves for every trial.
        accelerator: Name of an accelerator, a YAML file of your own, or `all` to compare the built-in ones.
        weight_format: How weights are stored, or `all` to compare every format.
        statistic: Charge the mean or the maximum spiking activity.
        mapper: Take the accelerator's fixed mapping, or search a better one for each layer (with `all`, for
            run-length weights, and keep it for the other formats).
        objective: What a searched mapping is to make small.
        json: Print JSON; keys carry their unit.
    """
    network = Workload.load(workload)
    names = hardware.accelerator_names() if accelerator == "all" else (accelerator,)
    runs = [
        _run(network, name, weight_format, statistic, objective if mapper == "search" else None)
        for name in names
    ]
    if json:
        rows = [
            {**as_row(network, one), "mapper": _mapper_row(run.found)} for run in runs for one in run.costs
        ]
        print(json_module.dumps(rows if "all" in (accelerator, weight_format) else rows[0], indent=1))
    else:
        _print(network, runs)


@dataclass(frozen=True)
class _Run:
    """The costs on one accelerator, and what the mapper found if it was asked."""

    costs: tuple[Cost, ...]
    found: dict[str, Found]


def _run(
    network: Workload, name: str, weight_format: str, statistic: Statistic, objective: Objective | None
) -> _Run:
    chip, together = hardware.load_accelerator(name), weight_format == "all"
    found: dict[str, Found] = {}
    if objective:
        fmt = "rle" if together else weight_format
        found = hardware.find_mappings(
            network, chip, weight_format=fmt, statistic=statistic, objective=objective
        )
    nests = {layer: best.nest for layer, best in found.items()}
    if together:
        return _Run(hardware.cost_all_formats(network, chip, statistic=statistic, mappings=nests), found)
    one = hardware.cost(network, chip, weight_format=weight_format, statistic=statistic, mappings=nests)
    return _Run((one,), found)


def as_row(network: Workload, cost: Cost) -> dict[str, Any]:
    """A cost as plain data with units in its keys."""
    return {
        "accelerator": cost.accelerator,
        "mode": cost.mode,
        "weight_format": cost.weight_format,
        "statistic": cost.statistic,
        "energy_pj": cost.energy_pj,
        "latency_cycles": cost.latency_cycles,
        "stored_bytes": cost.footprint_bits / 8,
        "energy_by_component_pj": cost.energy_by_component(),
        "metrics": hardware.metrics(network, cost).to_dict(),
        "layers": [_layer_row(layer) for layer in cost.layers],
    }


def _layer_row(layer: LayerCost) -> dict[str, Any]:
    return {
        "name": layer.name,
        "energy_pj": layer.energy_pj,
        "latency_cycles": layer.latency_cycles,
        "stored_bytes": layer.stored_bits / 8,
        "energy_by_component_pj": layer.energy_by_component(),
        "actions": [action.to_dict() for action in layer.actions],
    }


def _mapper_row(found: dict[str, Found]) -> dict[str, Any] | None:
    """What the mapper did, layer by layer; None where the fixed mapping was taken."""
    return {
        name: {
            "energy_bound_pj": best.bound_pj,
            "gap_to_bound": best.gap,
            "evaluated": best.evaluated,
            "rejected": best.rejected,
        }
        for name, best in found.items()
    } or None


def _mapper_table(accelerator: str, found: dict[str, Found]) -> Table:
    table = _table(f"mapper, {accelerator}", "above bound", "evaluated", "did not fit")
    for name, best in found.items():
        table.add_row(
            name, f"{100 * best.gap:.0f} %", f"{best.evaluated:,}", f"{sum(best.rejected.values()):,}"
        )
    return table


def _print(network: Workload, runs: Sequence[_Run]) -> None:
    console = Console()
    costs = [one for run in runs for one in run.costs]
    first = costs[0]
    where = first.accelerator if len(runs) == 1 else "every accelerator"
    title = f"{network.network} on {where}, {first.statistic} activity, mode {first.mode}"
    console.print(title, soft_wrap=True)
    for run in runs:
        if run.found:
            console.print(_mapper_table(run.costs[0].accelerator, run.found))
    if len(costs) > 1:
        console.print(_comparison(costs))
        return
    console.print(_layer_table(first))
    console.print(_component_table(first))


def _comparison(costs: Sequence[Cost]) -> Table:
    several = len({one.accelerator for one in costs}) > 1
    table = _table("accelerator, weight format" if several else "weight format", "energy", "cycles", "stored")
    for one in sorted(costs, key=lambda cost: cost.energy_pj):
        label = f"{one.accelerator}, {one.weight_format}" if several else one.weight_format
        table.add_row(label, *_numbers(one.energy_pj, one.latency_cycles, one.footprint_bits))
    return table


def _layer_table(cost: Cost) -> Table:
    table = _table(f"layer ({cost.weight_format})", "energy", "cycles", "stored")
    for layer in cost.layers:
        table.add_row(layer.name, *_numbers(layer.energy_pj, layer.latency_cycles, layer.stored_bits))
    table.add_section()
    table.add_row("all", *_numbers(cost.energy_pj, cost.latency_cycles, cost.footprint_bits))
    return table


def _component_table(cost: Cost) -> Table:
    table = _table("component", "energy", "share")
    total = cost.energy_pj or 1.0
    for component, energy in cost.energy_by_component().items():
        table.add_row(component, readable_energy(energy), f"{100 * energy / total:.1f} %")
    return table


def _table(first: str, *numbers: str) -> Table:
    table = Table(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _numbers(energy_pj: float, cycles: float, bits: float) -> tuple[str, str, str]:
    return readable_energy(energy_pj), f"{cycles:,.0f}", f"{bits / 8:,.0f} B"


def readable_energy(energy_pj: float) -> str:
    """An energy with the unit that leaves one to three digits before the point.

    >>> readable_energy(1234.0)
    '1.234 nJ'
    """
    for unit, size in (("mJ", 1e9), ("uJ", 1e6), ("nJ", 1e3)):
        if energy_pj >= size:
            return f"{energy_pj / size:.3f} {unit}"
    return f"{energy_pj:.3f} pJ"
