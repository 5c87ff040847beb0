"""What `spareto profile` prints beside the tables of `spareto cost`."""

from __future__ import annotations

from collections.abc import Sequence

from spareto.cli.console import Console, table_of
from spareto.core import amounts
from spareto.records.cost import PARTS, Cost, energy_by_part
from spareto.records.workload import Workload


def print_workload(workload: Workload, accuracy: float | None) -> None:
    """The network in two lines: what ran on what, and how much of it was right."""
    console = Console()
    ran = f"{workload.samples:,} samples, {workload.timesteps} timesteps"
    console.print(f"{workload.network} on {workload.dataset}: {ran}")
    if accuracy is not None:
        console.print(f"accuracy {accuracy:.2%}")


def print_parts(costs: Sequence[Cost]) -> None:
    """Energy of an inference and what it is spent on, one line an accelerator, least energy first."""
    found = [(cost, energy_by_part(cost)) for cost in sorted(costs, key=lambda one: one.energy_pj)]
    shown = [part for part in PARTS if any(parts[part] for _, parts in found)]
    table = table_of(["an inference"], ["energy", *shown])
    for cost, parts in found:
        total = cost.energy_pj or 1.0
        shares = [f"{100 * parts[part] / total:.1f}%" for part in shown]
        table.add_row(cost.accelerator, amounts.energy(cost.energy_pj), *shares)
    Console().print(table)
