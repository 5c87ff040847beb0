"""`spareto front`: a study's trials, and which of them nothing dominates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.cli.textplot import plot as drawn
from spareto.core.amounts import EnergyUnit, digits, energy_unit
from spareto.records.rows import (
    MeanRow,
    TrialRow,
    row_chosen_by,
    shown_accuracy,
    shown_std,
    split_chosen_by,
    split_shown,
)
from spareto.study.front import means_of
from spareto.study.store import TrialStore

SHOWN: Final = 1000
"""Trials of which a table shows all."""

NAMES: Final = 21
"""Letters of a name that stay on one line: `cumulative 4 bit 95 %`; what else is wide folds first."""


def front(
    run: str, /, *, mean: Flag = False, every: Flag = False, plot: bool = True, json: Flag = False
) -> None:
    """Show a study's trials and its accuracy-energy front.

    Args:
        run: Run folder of a study, its database, or the URL of a server with study=NAME in its query.
        mean: One line per recipe, the mean over its seeds.
        every: The trials that only showed a search the way, too.
        plot: Draw accuracy against energy in letters, above the table.
        json: Print JSON, in the order of the study; keys carry their unit.
    """
    if not json:
        print_front(run, mean=mean, every=every, plot=plot)
        return
    with TrialStore.of(run) as store:
        rows = store.rows(every=every)
    print_json(means_of(rows) if mean else rows)


def print_front(run: str | Path, *, mean: bool = False, every: bool = False, plot: bool = False) -> None:
    """Print a study's trials as a table of at most 80 columns, least energy first, below a plot if asked."""
    with TrialStore.of(run) as store:
        stored, name = len(store), store.meta.get("study", "")
        large = stored > SHOWN and not mean
        found = store.rows(every=every, front=large)
        asked = store.count(every=every)
    rows: Sequence[TrialRow | MeanRow] = means_of(found) if mean else found
    console = Console()
    if not rows:
        console.print("No trial has finished yet.")
        return
    rows = sorted(rows, key=lambda row: (row["energy_pj"], -row_chosen_by(row)))
    seeds, unit = {_seed(row) for row in rows}, energy_unit(row["energy_pj"] for row in rows)
    if plot:
        named = f"{split_chosen_by(rows)} accuracy"
        points: list[tuple[float, float, str, bool]] = [
            (row["energy_pj"] / unit.pj, row_chosen_by(row), row["regime"], row["on_front"]) for row in rows
        ]
        console.print("\n".join(drawn(points, unit.sign, named)) + "\n")
    console.print(_table(rows, unit, with_seeds=len(seeds) > 1))
    chosen = sum(row["on_front"] for row in rows)
    what = "recipes" if mean else "trials"
    averaged = f", each the mean over {min(seeds)} seeds" if mean and seeds != {1} and len(seeds) == 1 else ""
    study = f" of study {name}" if name else ""
    if split_shown(rows) == "validation":
        console.print("Accuracies are on the validation split; the test split is opened at the end.")
    elif all(row["validation_accuracy"] is None for row in rows):
        console.print("Chosen on the test split: an older version ran this study.")
    if stored > asked:
        console.print(f"Found among {stored} trials of a search; --every shows all of them.")
    if large:
        console.print("Only the front is shown; spareto study export and --json give every trial.")
    console.print(f"● on the front: {chosen} of {asked if large else len(rows)} {what}{study}{averaged}")


def _table(rows: Sequence[TrialRow | MeanRow], unit: EnergyUnit, with_seeds: bool) -> Table:
    table = table_of(padding=0)
    table.add_column("")
    longest = max(len(row["trial"]) for row in rows)
    table.add_column("network", overflow="fold", min_width=min(longest, NAMES - 2 * with_seeds))
    both = all(row["accuracy"] is not None and row["validation_accuracy"] is not None for row in rows)
    accuracies = ("test\n%", "valid.\n%") if both else ("accuracy\n%",)
    numbers = (*accuracies, f"energy\n{unit.sign}", "bits", "zeros\n%", "stored\nKiB")
    for header in numbers:
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("format")
    table.add_column("cycles\n×1000", justify="right", no_wrap=True)
    if with_seeds:
        table.add_column("seeds" if "seeds" in rows[0] else "seed", justify="right", no_wrap=True)
    for row in rows:
        cells = _cells(row, unit, both=both)
        table.add_row(*(cells if with_seeds else cells[:-1]), style="bold" if row["on_front"] else "")
    return table


def _cells(row: TrialRow | MeanRow, unit: EnergyUnit, *, both: bool) -> list[str]:
    accuracies = [f"{100 * shown_accuracy(row):.1f}"]
    if "seeds" in row and row["seeds"] > 1:
        accuracies[0] += f" ±{100 * shown_std(row):.1f}"
    if both:
        accuracies.append(f"{100 * row_chosen_by(row):.1f}")
    return [
        "●" if row["on_front"] else " ",
        row["trial"],
        *accuracies,
        unit.of(row["energy_pj"]),
        str(row["weight_bits"]),
        f"{100 * row['weight_sparsity']:.1f}",
        digits(row["stored_bytes"] / 1024),
        "mixed" if " or " in row["weight_format"] else row["weight_format"],  # the seeds differ
        digits(row["latency_cycles"] / 1000),
        str(_seed(row)),
    ]


def _seed(row: TrialRow | MeanRow) -> int:
    """The seed of a trial, or how many seeds a mean is taken over."""
    return row["seeds"] if "seeds" in row else row["seed"]
