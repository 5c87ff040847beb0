"""The planes of accuracy and energy on docs/methods.md, and its tables.

`python -m benchmarks.methods.page` draws docs/images/methods-DATASET.png and writes the tables of the page.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

DOCS = Path("docs")
MARKS = {"dense": "k*", "house": "C7o", "lns": "C0s", "qap": "C3^", "q-snn": "C2D", "dqf": "C4v"}


def read() -> dict[str, dict[str, list[dict[str, str]]]]:
    """By data set and method, one row a seed."""
    found: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    with (DOCS / "methods" / "results-common.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["dataset"]][row["method"]].append(row)
    return found


def numbers(rows: list[dict[str, str]], field: str) -> tuple[float, float]:
    values = [float(row[field]) for row in rows]
    return mean(values), stdev(values) if len(values) > 1 else 0.0


def front(points: dict[str, tuple[float, float]]) -> set[str]:
    """Methods that no other beats in both accuracy and energy."""
    return {
        name
        for name, (accuracy, energy) in points.items()
        if not any(a >= accuracy and e <= energy and (a, e) != (accuracy, energy) for a, e in points.values())
    }


def draw(dataset: str, methods: dict[str, list[dict[str, str]]]) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, rows in methods.items():
        (accuracy, spread), (energy, _) = numbers(rows, "accuracy"), numbers(rows, "energy_uJ")
        mark = next((style for family, style in MARKS.items() if name.startswith(family)), "C5x")
        axes.errorbar(energy, 100 * accuracy, yerr=100 * spread, fmt=mark, capsize=2, markersize=7)
        axes.annotate(name, (energy, 100 * accuracy), (6, 4), textcoords="offset points", fontsize=7)
    points = {
        name: (numbers(rows, "accuracy")[0], numbers(rows, "energy_uJ")[0]) for name, rows in methods.items()
    }
    line = sorted((points[name][1], 100 * points[name][0]) for name in front(points))
    axes.plot(*zip(*line, strict=True), color="0.8", zorder=0)
    axes.set(xscale="log", xlabel="energy of an inference, µJ", ylabel="test accuracy, %", title=dataset)
    figure.savefig(DOCS / "images" / f"methods-{dataset}.png", dpi=150)
    plt.close(figure)


def table(methods: dict[str, list[dict[str, str]]]) -> str:
    points = {
        name: (numbers(rows, "accuracy")[0], numbers(rows, "energy_uJ")[0]) for name, rows in methods.items()
    }
    best = front(points)
    lines = ["| method | accuracy % (± std over seeds) | energy µJ | bits | zeros % | seeds | on the front |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, rows in sorted(methods.items(), key=lambda item: -points[item[0]][1]):
        accuracy, spread = numbers(rows, "accuracy")
        zeros, energy = 100 * numbers(rows, "sparsity")[0], points[name][1]
        lines.append(
            f"| {name} | {100 * accuracy:.1f} ± {100 * spread:.1f} | {energy:.2f} | {rows[0]['bits']} "
            f"| {zeros:.1f} | {len(rows)} | {'yes' if name in best else ''} |"
        )
    return "\n".join(lines)


def write(tables: dict[str, str]) -> None:
    """Put each data set's table between its two marks on the page."""
    page = DOCS / "methods.md"
    text = page.read_text()
    for dataset, lines in tables.items():
        begin, end = f"<!-- {dataset}: begin -->\n\n", f"\n\n<!-- {dataset}: end -->"
        text = text[: text.index(begin) + len(begin)] + lines + text[text.index(end) :]
    page.write_text(text)


def main() -> None:
    found = read()
    for dataset, methods in found.items():
        draw(dataset, methods)
    write({dataset: table(methods) for dataset, methods in found.items()})


if __name__ == "__main__":
    main()
