"""`spareto reproduce chips`: what the model says of published measurements of real chips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from spareto import hardware
from spareto.cli.console import Console, print_json, table_of
from spareto.core.errors import Problem, UnknownName, did_you_mean, one_of
from spareto.reproduction.chips import (
    Comparison,
    Comparisons,
    SlopeComparison,
    compare,
    load_measurements,
)

_UNITS: Final = {"mw": "mW", "uj": "µJ", "us": "µs"}


def chips(file: Path | None = None, /, *, chip: str | None = None, json: bool = False) -> None:
    """Run the networks of published measurements and compare energy and power.

    Rows whose events are all known are held to 25 %, the others to a factor of 2, sweeps to 15 %. Rows that a
    number of the model was fitted to, and rows recalled from memory, are shown and not counted.

    Args:
        file: A YAML file of measurements; without it, those that come with spareto.
        chip: Only the rows of one accelerator.
        json: Print JSON, one row per number.
    """
    names = hardware.accelerator_names()
    if chip is not None and chip not in names:
        raise UnknownName(Problem("chip", repr(chip), one_of(names), did_you_mean(chip, names)))
    found = compare(load_measurements(file), chip)
    if json:
        print_json([*_rows(found), *_slope_rows(found)])
        return
    console = Console()
    for name in dict.fromkeys(each.row.chip for each in found.rows):
        console.print(_table(name or "not modelled", [each for each in found.rows if each.row.chip == name]))
    if found.slopes:
        console.print(_slope_table(found.slopes))
    for line in (*_causes(found), "", *_summary(found)):
        console.print(line)


def _rows(found: Comparisons) -> Iterator[dict[str, Any]]:
    for each in found.rows:
        yield {
            "row": each.row.id,
            "about": each.row.about,
            "accelerator": each.row.chip,
            "quantity": each.quantity,
            "ours": each.ours,
            "measured": each.measured,
            "relative_error": each.error,
            "idle_mw": each.idle_mw,
            "census": each.row.census,
            "mark": each.row.mark,
            "verdict": each.verdict,
            "why": each.row.why,
            "source": each.row.source,
        }


def _slope_rows(found: Comparisons) -> Iterator[dict[str, Any]]:
    for each in found.slopes:
        yield {
            "slope": each.slope.id,
            "quantity": f"{each.slope.quantity} a {each.slope.unit}",
            "ours": each.ours,
            "measured": each.measured,
            "relative_error": each.error,
            "verdict": each.verdict,
            "why": each.slope.why,
        }


def _table(name: str, rows: Sequence[Comparison]) -> Table:
    table = _empty("row", "quantity", "ours", "measured", "idle mW", "error", "mark", "verdict")
    table.title, table.title_justify = name, "left"
    for each in rows:
        kind, unit = each.quantity.split("_")
        table.add_row(
            each.row.id,
            f"{kind} {_UNITS[unit]}",
            _number(each.ours),
            _number(each.measured),
            "-" if each.idle_mw is None else f"{each.idle_mw:,.4g}",
            _percent(each.error),
            each.row.mark,
            each.verdict,
        )
    return table


def _slope_table(slopes: Sequence[SlopeComparison]) -> Table:
    table = _empty("sweep", "quantity", "ours", "measured", "error", "verdict")
    for each in slopes:
        kind, unit = each.slope.quantity.split("_")
        table.add_row(
            each.slope.id,
            f"{kind}, {_UNITS[unit]} a {each.slope.unit}",
            _number(each.ours),
            _number(each.measured),
            _percent(each.error),
            each.verdict,
        )
    return table


def _empty(*heads: str) -> Table:
    table = table_of()
    for head in heads:
        right = head in ("ours", "measured", "idle mW", "error")
        table.add_column(head, justify="right" if right else "left", overflow="fold")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %"


def _causes(found: Comparisons) -> Iterator[str]:
    """Why a row misses, was fitted or could not be run: each cause once, with its rows."""
    told: dict[str, list[str]] = {}
    for each in found.rows:
        if each.row.why and each.row.id not in told.setdefault(each.row.why, []):
            told[each.row.why].append(each.row.id)
    for sweep in found.slopes:
        if sweep.slope.why:
            told.setdefault(sweep.slope.why, []).append(sweep.slope.id)
    for why, names in told.items():
        yield f"{', '.join(names)}: {why}."


def _summary(found: Comparisons) -> Iterator[str]:
    counted = (
        ("energies of rows with all events, within 25 %", found.counted(close=True)),
        ("other energies and times, within a factor of 2", found.counted(close=False)),
        ("sweeps, within 15 %", found.counted_slopes),
    )
    for name, each in counted:
        held = sum(one.verdict == "within" for one in each)
        yield f"{name}: {held} of {len(each)}"
    others = Counter(one.verdict for one in found.rows if one.verdict not in ("within", "miss"))
    yield "not counted: " + (", ".join(f"{count} {name}" for name, count in others.items()) or "none")
