"""Trials of run folders by method: accuracy, bit operations, neural efficiency, aIQ; means of the seeds.

python examples/quantization_aware_pruning/compare.py runs/qap-pendigits runs/qap-search
"""

import sys
from pathlib import Path
from statistics import mean, stdev

from spareto.study.metrics import METRICS
from spareto.study.store import TrialStore

COLUMNS = ("static_bops", "energy", "neural_efficiency", "aiq")


def spread(values):
    """Mean and standard deviation in per cent."""
    deviation = stdev(values) if len(values) > 1 else 0.0
    return f"{100 * mean(values):.1f} ± {100 * deviation:.1f}"


def line(name, trials):
    """One row of a Markdown table."""
    bops, energy, efficiency, aiq = (mean(METRICS[key].of(trial) for trial in trials) for key in COLUMNS)
    accuracy = spread([trial.accuracy for trial in trials])
    return f"| {name} | {accuracy} | {bops:,.0f} | {energy / 1e6:.3g} | {efficiency:.3f} | {aiq:.3f} | {len(trials)} |"


def main():
    """Print the table, the most bit operations first."""
    found = {}
    for folder in map(Path, sys.argv[1:]):
        with TrialStore.of(folder) as store:
            for trial in store.trials():
                if trial.accuracy is not None:
                    name = (trial.recipe.label, trial.recipe.hash)
                    found.setdefault(name, {})[trial.manifest.seed] = trial
    print("| method | accuracy % | BOPs | energy µJ | η | aIQ | seeds |\n|---|---|---|---|---|---|---|")
    for (name, _), trials in sorted(
        found.items(), key=lambda item: -METRICS["static_bops"].of(next(iter(item[1].values())))
    ):
        print(line(name, list(trials.values())))


if __name__ == "__main__":
    main()
