"""The table of a finished study on its page of results, and the figure beside it.

    python -m benchmarks.results runs/nmnist docs/nmnist.md --figure docs/images/nmnist-front.png

The first table of the page whose columns these are is written anew; what the text says of it is for people to
read again, so the numbers that it quotes are printed. Networks are on the front by the validation split;
accuracies are those of the test split, which the study opened once.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from spareto.records.rows import MeanRow
from spareto.study.front import means_of
from spareto.study.store import TrialStore

COLUMNS = (
    *(
        "network",
        "test accuracy % (± std over seeds)",
        "validation accuracy %",
        "energy µJ",
        "dense / energy",
    ),
    *("bits", "zeros %", "stored KiB", "format", "on the front"),
)
BEGINS = "| network |"


def table(rows: Sequence[MeanRow]) -> list[str]:
    """The table, one line a recipe, in the order of the study."""
    dense = next(row["energy_pj"] for row in rows if row["regime"] == "dense")
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = (
            row["trial"],
            f"{100 * measured(row):.1f} ± {100 * (row['accuracy_std'] or 0.0):.1f}",
            f"{100 * (row['validation_accuracy'] or 0.0):.1f}",
            f"{row['energy_pj'] / 1e6:.1f}",
            f"{dense / row['energy_pj']:.1f}",
            f"{row['weight_bits']}",
            f"{100 * row['weight_sparsity']:.1f}",
            f"{row['stored_bytes'] / 1024:.1f}",
            row["weight_format"],
            "yes" if row["on_front"] else "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def measured(row: MeanRow) -> float:
    """Accuracy on the test split; every trial of a finished study has one."""
    if row["accuracy"] is None:
        raise SystemExit(f"{row['trial']}: not measured on the test split yet; carry the study on first.")
    return row["accuracy"]


def quoted(rows: Sequence[MeanRow]) -> list[str]:
    """What the paragraphs of the pages speak of."""
    said = [f"{row['trial']}: {100 * measured(row):.1f} % at {row['energy_pj'] / 1e6:.1f} µJ" for row in rows]
    quantized = min((r for r in rows if r["regime"] == "quantize"), key=lambda row: row["energy_pj"])
    pruned = next((r for r in rows if r["regime"] == "prune" and r["weight_sparsity_target"] == 0.8), None)
    if pruned is not None:
        more = pruned["energy_pj"] / quantized["energy_pj"] - 1
        said.append(f"80 % pruning takes {100 * more:.0f} % more energy than {quantized['trial']}")
    return said


def written(page: Path, lines: Sequence[str]) -> None:
    """Put the table in the place of the page's first one."""
    before = page.read_text(encoding="utf-8").splitlines()
    first = next(place for place, line in enumerate(before) if line.startswith(BEGINS))
    last = next(place for place in range(first, len(before)) if not before[place].startswith("|"))
    page.write_text("\n".join([*before[:first], *lines, *before[last:]]) + "\n", encoding="utf-8")


def main() -> None:
    """Write the table and the figure, and print what the text quotes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("page", type=Path)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    with TrialStore.of(given.run) as store:
        rows = means_of(store.rows())
    written(given.page, table(rows))
    if given.figure:
        shutil.copyfile(given.run / "front.png", given.figure)
    print("\n".join(quoted(rows)))


if __name__ == "__main__":
    main()
