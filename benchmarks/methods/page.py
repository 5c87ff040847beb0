"""The planes of accuracy and energy on docs/methods.md, and its tables.

`python -m benchmarks.methods.page` draws docs/images/methods-DATASET.png and writes the tables of the page.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

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


PLACES = [(7, 4), (7, -10), (-7, 5), (-7, -11), (7, 14), (7, -20), (-7, 15), (-7, -21)]
TITLES = {"fashion_mnist": "Fashion-MNIST", "nmnist_small": "N-MNIST"}


def label(axes: Any, text: str, at: tuple[float, float], taken: list[Any]) -> None:
    """Beside a point, where it covers no other label."""
    for x, y in PLACES:
        side = "left" if x > 0 else "right"
        note = axes.annotate(text, at, (x, y), textcoords="offset points", fontsize=7, ha=side)
        box = note.get_window_extent()
        if not any(box.overlaps(other) for other in taken):
            break
        note.remove()
    else:
        return
    taken.append(box)


def draw(dataset: str, methods: dict[str, list[dict[str, str]]]) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.2), dpi=150)
    points: dict[str, tuple[float, float]] = {}
    for name, rows in methods.items():
        (accuracy, spread), (energy, _) = numbers(rows, "accuracy"), numbers(rows, "energy_uJ")
        points[name] = accuracy, energy
        mark = next((style for family, style in MARKS.items() if name.startswith(family)), "C5x")
        axes.errorbar(energy, 100 * accuracy, yerr=100 * spread, fmt=mark, capsize=2, ms=6, elinewidth=0.8)
    line = sorted((points[name][1], 100 * points[name][0]) for name in front(points))
    axes.plot(*zip(*line, strict=True), color="0.8", zorder=0)
    axes.set(xscale="log", xlabel="energy of an inference, µJ", ylabel="test accuracy, %")
    axes.set_title(f"{TITLES[dataset]}, mean and standard deviation of three seeds", fontsize=9)
    least, most = (each(energy for _, energy in points.values()) for each in (min, max))
    axes.set_xlim(least * 0.8, most * 1.5)
    for scale in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        scale("{x:g}")
    figure.tight_layout()
    figure.canvas.draw()
    taken: list[Any] = []
    for name, (accuracy, energy) in sorted(points.items(), key=lambda item: item[1][1]):
        label(axes, name, (energy, 100 * accuracy), taken)
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
