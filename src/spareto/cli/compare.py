"""`spareto compare`: two studies side by side."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.core.amounts import energy_unit
from spareto.core.text import visible
from spareto.reports.comparing import Pair, StudyComparison, compared
from spareto.study.report import results_of
from spareto.study.store import TrialStore


def compare(one: Path, other: Path, /, *, json: Flag = False) -> None:
    """Compare two studies, recipe by recipe: accuracy and energy of each, and the differences.

    A difference within its spread is told as alike. The spread is that of the seeds, or of counting the test
    samples where there is one seed.

    Args:
        one: Run folder of a study, or its database.
        other: Another one; differences are from the first to it.
        json: Print JSON; keys carry their unit.
    """
    with TrialStore.of(one) as first, TrialStore.of(other) as second:
        found = compared(results_of(first), results_of(second))
    if json:
        print_json(asdict(found))
        return
    console = Console()
    for line in _told(found):
        console.print(visible(line))
    if found.pairs:
        console.print(_table(found))


def _told(found: StudyComparison) -> list[str]:
    lines = [
        f"{found.titles[0]} beside {found.titles[1]}: {len(found.pairs)} recipes of both.",
        *found.differ,
    ]
    for title, names in zip(found.titles, found.alone, strict=True):
        if names:
            lines.append(f"Only in {title}: {', '.join(names)}.")
    return lines


def _table(found: StudyComparison) -> Table:
    unit = energy_unit(energy for pair in found.pairs for energy in pair.energies_pj)
    numbers = ("accuracy\n%", "\n%", "points", f"energy\n{unit.sign}", f"\n{unit.sign}", "change\n%")
    table = table_of(["network"], numbers)
    for pair in found.pairs:
        accuracies = [f"{100 * each:.1f}" for each in pair.accuracies]
        energies = [unit.of(each) for each in pair.energies_pj]
        table.add_row(visible(pair.name), *accuracies, _points(pair), *energies, _change(pair))
    return table


def _points(pair: Pair) -> str:
    if pair.accuracy_alike:
        return "alike"
    return f"{100 * (pair.accuracies[1] - pair.accuracies[0]):+.1f}"


def _change(pair: Pair) -> str:
    before, now = pair.energies_pj
    if pair.energy_alike:
        return "alike"
    return f"{100 * (now / before - 1):+.1f}" if before else "new"
