"""`spareto accelerators`: the chips that come with spareto."""

from __future__ import annotations

import json as json_module
from typing import Any

from rich.console import Console
from rich.table import Table

from spareto import hardware
from spareto.core.units import Quantity


def accelerators(name: str | None = None, /, *, json: bool = False) -> None:
    """List the accelerators, or describe one with every number and its source.

    Args:
        name: An accelerator, or a YAML file of your own; without it, all built-in ones are listed.
        json: Print JSON.
    """
    names = hardware.accelerator_names() if name is None else (name,)
    chips = [hardware.load_accelerator(each) for each in names]
    if json:
        rows = [chip.to_dict() for chip in chips]
        print(json_module.dumps(rows if name is None else rows[0], indent=1))
    elif name is None:
        Console().print(_overview(chips))
    else:
        _describe(chips[0])


def _overview(chips: list[hardware.Accelerator]) -> Table:
    table = Table("accelerator", "node", "units", "dataflow")
    for chip in chips:
        node = f"{chip.technology.amount:g} nm"
        table.add_row(chip.name, node, f"{chip.compute.instances.amount:g}", chip.dataflow.about)
    return table


def _describe(chip: hardware.Accelerator) -> None:
    console = Console()
    console.print(f"[bold]{chip.name}[/bold]: {chip.about}")
    table = Table("component", "number", "value", "source")
    for part in chip.components:
        numbers: list[tuple[str, Any]] = [(key, getattr(part, key)) for key in type(part).model_fields]
        label = part.name
        for key, value in numbers:
            if isinstance(value, Quantity):
                table.add_row(label, key, f"{value.value:g} {value.unit}", value.source)
                label = ""
        table.add_section()
    console.print(table)
