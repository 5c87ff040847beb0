"""`spareto accelerators`: the chips that come with spareto."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from rich.table import Table

from spareto import hardware
from spareto.cli.console import Console, print_json, table_of
from spareto.cli.evidence import errors_by_chip, print_evidence
from spareto.core.amounts import memory
from spareto.core.units import Quantity
from spareto.hardware.charging.area import area_um2


def accelerators(name: str | None = None, /, *, json: bool = False) -> None:
    """List the accelerators, or describe one with every number and its source.

    The list says what was measured on the real chip, what is modelled, and how far the model is from
    published measurements that it was not fitted to (`spareto reproduce chips`).

    Args:
        name: An accelerator, or a YAML file of your own; without it, all built-in ones are listed.
        json: Print JSON.
    """
    names = hardware.accelerator_names() if name is None else (name,)
    chips = [hardware.load_accelerator(each) for each in names]
    if json:
        errors = errors_by_chip(name and chips[0].name)
        rows = [{**_row(chip), "published_errors": errors.get(chip.name, {})} for chip in chips]
        print_json(rows if name is None else rows[0])
    elif name is None:
        print_evidence(chips)
        Console().print(_overview(chips))
    else:
        _describe(chips[0])


def _row(chip: hardware.Chip) -> dict[str, Any]:
    """The description, and what follows from it."""
    return {
        **chip.to_dict(),
        "principle": chip.principle,
        "memory_bytes": chip.memory_bits / 8,
        "peak_ops_per_cycle": chip.peak_ops_per_cycle,
        "peak_gops_per_second": _peak_gops(chip),
        "area_um2": area_um2(chip),
    }


def _overview(chips: list[hardware.Chip]) -> Table:
    table = table_of()
    for head in ("accelerator", "memory", "peak"):
        table.add_column(head, no_wrap=True, justify="right" if head in ("memory", "peak") else "left")
    table.add_column("how it works")
    for chip in chips:
        peak = _peak_gops(chip)
        table.add_row(
            chip.name,
            _memory(chip),
            "-" if peak is None else f"{peak:.3g} GOP/s",
            re.split(r" \(|[,;]", chip.principle)[0],
        )
    return table


def _describe(chip: hardware.Chip) -> None:
    console = Console()
    console.print(f"{chip.name}: {chip.about}")
    console.print(
        f"{chip.kind}: {chip.principle}; {_memory(chip)} of memory, "
        f"at most {chip.peak_ops_per_cycle:g} synaptic operations a cycle; "
        f"spikes stored as '{chip.spike_format}'"
    )
    table = Table("component", "number", "value", "source")
    for owner, record in (("", chip), *((part.name, part) for part in chip.parts)):
        for label, quantity in _numbers(record, skip=("components", "dataflow")):
            table.add_row(owner, label, f"{quantity.value:g} {quantity.unit}", quantity.source)
            owner = ""
        table.add_section()
    console.print(table)


def _numbers(value: Any, label: str = "", skip: tuple[str, ...] = ()) -> Iterator[tuple[str, Quantity]]:
    """Every quantity in a record, with its path."""
    if isinstance(value, Quantity):
        yield label, value
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            yield from _numbers(item, f"{label}[{place}]")
    elif isinstance(value, BaseModel):
        for key in type(value).model_fields:
            if key not in skip:
                yield from _numbers(getattr(value, key), f"{label}.{key}" if label else key)


def _memory(chip: hardware.Chip) -> str:
    return memory(chip.memory_bits) if chip.memory_bits else "–"


def _peak_gops(chip: hardware.Chip) -> float | None:
    """Billions of synaptic operations a second, where the clock is known."""
    return chip.peak_ops_per_cycle * chip.clock_mhz / 1e3 if chip.clock_mhz else None
