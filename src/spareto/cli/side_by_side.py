"""The studies of one file, of several data sets, networks or accelerators, in one table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spareto.cli.console import Console, table_of
from spareto.core.amounts import MICROJOULES, energy
from spareto.core.artifacts import replacing
from spareto.records.rows import row_chosen_by, shown_accuracy
from spareto.study.front import knee, means_of
from spareto.study.parts import StudyPart
from spareto.study.store import TrialStore

TABLE: Final = "side-by-side.csv"


def print_side_by_side(parts: Sequence[StudyPart], folder: Path) -> None:
    """Print the dense network and the knee of every part, and write every row of all of them as CSV."""
    table = table_of(["data", "network", "accelerator", "trial"], ["accuracy\n%", "energy"], padding=0)
    written: list[dict[str, Any]] = []
    for part in parts:
        with TrialStore.of(part.folder) as store:
            means = means_of(store.rows())
        chosen = knee([(row_chosen_by(row), row["energy_pj"]) for row in means])
        dense = [row for row in means if row["regime"] == "dense"]
        for row in [*dense, *([] if chosen is None else [means[chosen]])]:
            cells = (f"{100 * shown_accuracy(row):.1f}", energy(row["energy_pj"], MICROJOULES))
            table.add_row(*part.labels, row["trial"], *cells)
        keys = ("data", "network", "accelerator")
        written += [{**dict(zip(keys, part.labels, strict=True)), **row} for row in means]
    with replacing(folder / TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(written[0]))
        writer.writeheader()
        writer.writerows(written)
    console = Console(soft_wrap=False)
    console.print("The dense network and the knee of each, side by side:")
    console.print(table)
    console.print(f"Every recipe: {folder / TABLE}", soft_wrap=True)
