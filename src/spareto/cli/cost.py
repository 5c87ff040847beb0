"""`spareto cost`: what a measured network costs on an accelerator."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from spareto import hardware
from spareto.hardware.mapping.search import Found
from spareto.records.cost import Cost, LayerCost
from spareto.records.workload import Workload


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
        accelerator: Name of an accelerator, or a YAML file of your own.
        weight_format: How weights are stored, or `all` to compare every format.
        statistic: Charge the mean or the maximum spiking activity.
        mapper: Take the accelerator's fixed mapping, or search a better one for each layer (with `all`, for
            run-length weights, and keep it for the other formats).
        objective: What a searched mapping is to make small.
        json: Print JSON; keys carry their unit.
    """
    network, chip = Workload.load(workload), hardware.load_accelerator(accelerator)
    together = weight_format == "all"
    found: dict[str, Found] = {}
    if mapper == "search":
        fmt = "rle" if together else weight_format
        found = hardware.find_mappings(
            network, chip, weight_format=fmt, statistic=statistic, objective=objective
        )
    nests = {name: best.nest for name, best in found.items()}
    if together:
        costs = hardware.cost_all_formats(network, chip, statistic=statistic, mappings=nests)
    else:
        one = hardware.cost(network, chip, weight_format=weight_format, statistic=statistic, mappings=nests)
        costs = (one,)
    if json:
        rows = [{**as_row(each), "mapper": _mapper_row(found)} for each in costs]
        print(json_module.dumps(rows if together else rows[0], indent=1))
    else:
        _print(network, costs, found)


def as_row(cost: Cost) -> dict[str, Any]:
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


def _mapper_table(found: dict[str, Found]) -> Table:
    table = _table("mapper", "above bound", "evaluated", "did not fit")
    for name, best in found.items():
        table.add_row(
            name, f"{100 * best.gap:.0f} %", f"{best.evaluated:,}", f"{sum(best.rejected.values()):,}"
        )
    return table


def _print(network: Workload, costs: Sequence[Cost], found: dict[str, Found]) -> None:
    console = Console()
    first = costs[0]
    console.print(
        f"{network.network} on {first.accelerator}, {first.statistic} activity, mode {first.mode}",
        soft_wrap=True,
    )
    if found:
        console.print(_mapper_table(found))
    if len(costs) > 1:
        console.print(_format_table(costs))
        return
    console.print(_layer_table(first))
    console.print(_component_table(first))


def _format_table(costs: Sequence[Cost]) -> Table:
    table = _table("weight format", "energy", "cycles", "stored")
    for one in sorted(costs, key=lambda cost: cost.energy_pj):
        table.add_row(one.weight_format, *_numbers(one.energy_pj, one.latency_cycles, one.footprint_bits))
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
