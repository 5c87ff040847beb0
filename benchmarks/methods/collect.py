"""Rows of the methods' comparison out of run folders.

`python -m benchmarks.methods.collect runs/methods/lns_fashion ... --to docs/methods/results-common.csv`
writes
one row a trial whose test accuracy is known, and says which studies are not finished.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from spareto.records import Trial
from spareto.records.data import DataPlan
from spareto.study.config import StudyConfig
from spareto.study.store import TrialStore

FIELDS = ("method", "dataset", "seed", "accuracy", "energy_uJ", "bits", "sparsity", "epochs", "command")


def rows(run: Path, study: Path) -> list[tuple[object, ...]]:
    config = StudyConfig.load(study)
    with TrialStore.of(run) as store:
        trials = [trial for trial in store.trials() if trial.recipe.name]
    command = f"spareto study run {study.as_posix()} --out {run.as_posix()}"
    return [row(trial, config, command) for trial in trials if trial.accuracy is not None]


def row(trial: Trial, config: StudyConfig, command: str) -> tuple[object, ...]:
    epochs = config.training.epochs + trial.recipe.training.epochs
    return (
        trial.recipe.label,
        config.data.name if isinstance(config.data, DataPlan) else config.name,
        trial.manifest.seed,
        f"{trial.accuracy:.4f}",
        f"{trial.energy_pj / 1e6:.4g}",
        trial.recipe.weight_bits,
        f"{trial.weight_sparsity:.4f}",
        epochs,
        command,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--to", required=True, type=Path)
    given = parser.parse_args()
    found: list[tuple[object, ...]] = []
    for run in given.runs:
        own = rows(run, Path("benchmarks/methods") / f"{run.name}.yaml")
        if not own:
            print(f"{run}: no trial with a test accuracy yet; run its study to the end.")
        found += own
    with given.to.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(found)


if __name__ == "__main__":
    main()
