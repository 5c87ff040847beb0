"""The figure of docs/methods/lns-madam.md, and its table, out of docs/methods/updates.csv.

`python -m benchmarks.methods.widths` draws docs/images/updates.png and prints the table.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

TITLES = {"fashion_mnist": "Fashion-MNIST", "nmnist_small": "N-MNIST"}
MARKS = {"madam": "C0o", "madam, stochastic": "C0^", "adam": "C1s", "sgd": "C2D"}


def read(path: Path) -> dict[str, dict[str, dict[int, list[float]]]]:
    """Accuracies in per cent by data set, optimizer and width."""
    found: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            own = found[row["dataset"]][row["optimizer"]]
            own[int(row["update_bits"])].append(100 * float(row["accuracy"]))
    return found


def main() -> None:
    found = read(Path("docs/methods/updates.csv"))
    figure, panes = plt.subplots(1, len(found), figsize=(8, 3.4), layout="constrained", squeeze=False)
    for pane, (dataset, optimizers) in zip(panes[0], found.items(), strict=True):
        widths = sorted(next(iter(optimizers.values())), reverse=True)
        print(f"| {TITLES[dataset]} | {' | '.join(map(str, widths))} |\n{'|---' * (len(widths) + 1)}|")
        for place, (name, mark) in enumerate(MARKS.items()):
            means = [mean(optimizers[name][bits]) for bits in widths]
            spreads = [stdev(optimizers[name][bits]) for bits in widths]
            shifted = [bits + 0.08 * (place - 1.5) for bits in widths]
            pane.errorbar(shifted, means, spreads, fmt=f"{mark}-", capsize=2, markersize=4, label=name)
            cells = (f"{m:.1f} ± {s:.1f}" for m, s in zip(means, spreads, strict=True))
            print(f"| {name} | {' | '.join(cells)} |")
        pane.set(title=TITLES[dataset], xlabel="bits of a weight between two steps", ylabel="accuracy, %")
        pane.invert_xaxis()
        print()
    panes[0][0].legend(frameon=False, fontsize=8)
    figure.savefig("docs/images/updates.png", dpi=150)


if __name__ == "__main__":
    main()
