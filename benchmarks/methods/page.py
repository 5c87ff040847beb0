"""The plane of accuracy and energy on docs/methods.md, and its tables, out of docs/methods/results-*.csv.

`python -m benchmarks.methods.page` writes docs/images/methods-DATASET.png and prints the tables as Markdown.
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
BUDGET = {"nmnist_small": 16, "fashion_mnist": 10}
"""Epochs of all trainings of a point, dense ones too."""
MARKS = {"dense": "k*", "house": "C7o", "lns": "C0s", "qap": "C3^", "q-snn": "C2D", "dqf": "C4v"}


def read() -> dict[str, dict[str, list[dict[str, str]]]]:
    """By data set and method, one row a seed; rows of another budget are left out, and named."""
    found: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((DOCS / "methods").glob("results-*.csv")):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            if int(row["epochs"]) == BUDGET.get(row["dataset"]):
                found[row["dataset"]][row["method"]].append(row)
        if left := sorted(
            {row["method"] for row in rows if int(row["epochs"]) != BUDGET.get(row["dataset"])}
        ):
            print(f"{path.name}: left out, for they had another budget: {', '.join(left)}")
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


if __name__ == "__main__":
    for dataset, methods in read().items():
        draw(dataset, methods)
        print(f"## {dataset}\n\n{table(methods)}\n")
