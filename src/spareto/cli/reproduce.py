"""`spareto reproduce`: our numbers beside published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from spareto.cli.console import Console, framed, print_json


def cost_cases(
    file: Path, /, *, first_sums: Literal["charged", "free"] | None = None, json: bool = False
) -> None:
    """Run layers with given mappings and compare energy per component and cycles.

    Args:
        file: A cost-cases YAML file: architecture, mappings and expected results.
        first_sums: Whether the first fill of partial sums is charged; without it as the file says.
        json: Print JSON, one row per number.
    """
    from spareto.reproduction.timeloop.cases import reproduce_cost_cases

    _show(reproduce_cost_cases(file, first_sums), json=json)


def pe_masks(file: Path, /, *, json: bool = False) -> None:
    """Count the cycles of a sparse processing element from real masks and compare.

    Args:
        file: A pe-masks .npz file: masks of inputs and weights, and measured cycles.
        json: Print JSON, one row per layer.
    """
    from spareto.reproduction.pe_masks import reproduce_pe_masks

    _show(reproduce_pe_masks(file), json=json)


def _show(rows: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(rows)
        return
    console = Console()
    if "first_partial_sums" in rows[0]:
        console.print(f"mode {rows[0]['accounting']}, first partial sums {rows[0]['first_partial_sums']}")
    for title in dict.fromkeys(_title(row) for row in rows):
        console.print(_table(title, [row for row in rows if _title(row) == title]))


def _title(row: dict[str, Any]) -> str:
    if "run" not in row:
        return row["layer"]
    padded = "".join(f", {dim} padded by {more}" for dim, more in row["padded"].items())
    return f"{row['layer']}, {row['run']}{padded}"


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = framed(["component", "quantity"], ["ours", "expected", "error"], title)
    for row in rows:
        error = row["relative_error"]
        shown = "-" if error is None else f"{100 * error:.3f} %"
        table.add_row(
            row["component"], row["quantity"], *(f"{row[key]:,.9g}" for key in ("ours", "expected")), shown
        )
    return table
