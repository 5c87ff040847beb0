"""A store of a million trials: seconds and memory of its front, list, show and exports.

python -m benchmarks.million [--trials 1000000] [--folder /tmp/million] [--json]

The records are those of real trials with accuracies and energies drawn at random. The store is made
once and kept in the folder. Each command runs in a process of its own, started anew.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from spareto.core.artifacts import canonical_json
from spareto.records import Trial
from spareto.study.database.points import point_of
from spareto.study.database.tables import points, trials
from spareto.study.store import STORE_NAME, TrialStore

BATCH = 5000


ACCURACY, ENERGY = 0.123456789, 12345678.9375
"""Numbers that stand where a trial's own are put into its record."""


def make(folder: Path, count: int) -> None:
    """Fill a store with so many trials."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import factories  # pyright: ignore[reportMissingImports]

    kinds = [Kind(trial) for trial in factories.study()]
    draw = random.Random(0)
    with TrialStore(folder / STORE_NAME) as store:
        store.set_meta(study="million", base_hash="base-0")
        for first in range(1, count + 1, BATCH):
            made = [kinds[n % len(kinds)].drawn(n, draw) for n in range(first, min(first + BATCH, count + 1))]
            with store._database.writing() as connection:
                connection.execute(sa.insert(trials), [record for record, _ in made])
                connection.execute(sa.insert(points), [point for _, point in made])


class Kind:
    """A real trial, of which others with another accuracy and energy are made."""

    def __init__(self, trial: Trial) -> None:
        best = trial.best_cost
        *others, last = best.layers
        action = last.actions[-1].replace(energy_pj=ENERGY)
        last = last.replace(actions=[*last.actions[:-1], action])
        trial = trial.replace(
            accuracy=ACCURACY,
            validation_accuracy=ACCURACY,
            costs=[best.replace(layers=[*others, last])],
        )
        self.text, self.point = canonical_json(trial.to_dict()), point_of(trial)
        assert self.text.count(str(ENERGY)) == 1
        assert self.text.count(str(ACCURACY)) == 2
        self.layers = sum(layer.energy_pj for layer in others)
        self.actions = sum(each.energy_pj for each in last.actions[:-1])
        self.shared = sum(each.energy_pj for each in best.shared)

    def drawn(self, place: int, draw: random.Random) -> tuple[dict, dict]:
        """The record and the row of numbers of one such trial; its energy is added up as `Cost` does."""
        accuracy, energy = draw.betavariate(8, 2), 10 ** draw.uniform(5, 8)
        text = self.text.replace(str(ENERGY), repr(energy)).replace(str(ACCURACY), repr(accuracy))
        point = {
            **self.point,
            "position": place,
            "accuracy": accuracy,
            "validation_accuracy": accuracy,
            "chosen_by": accuracy,
            "energy_pj": self.layers + (self.actions + energy) + self.shared,
            "finished": 1.7e9 + place,
        }
        return {"position": place, "key": f"{place:016x}", "trial": text, "checksum": None}, point


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Wall and processor seconds, and the most memory in MiB, of each command."""
    run = str(folder)
    commands = {
        "front": ["front", run],
        "list": ["study", "list", run],
        "show": ["study", "show", run],
        "export csv": ["study", "export", run, "--csv", f"{run}/t.csv"],
        "export parquet": ["study", "export", run, "--parquet", f"{run}/t.parquet"],
    }
    return {name: _one([sys.executable, "-m", "spareto", *words]) for name, words in commands.items()}


def _one(command: list[str]) -> dict[str, float]:
    code = (
        "import json, resource, subprocess, sys, time; began = time.perf_counter();"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); took = time.perf_counter() - began;"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([done.returncode, took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))"
    )
    said = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    status, wall, cpu, memory = json.loads(said.stdout)
    assert status == 0, command
    return {"seconds": wall, "processor seconds": cpu, "MiB": memory}


def main() -> None:
    """Make the store if it is not there, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/million"))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    began = time.perf_counter()
    if not (given.folder / STORE_NAME).exists():
        make(given.folder, given.trials)
        print(f"made in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    found = measure(given.folder)
    size = (given.folder / STORE_NAME).stat().st_size / 2**30
    if given.json:
        print(
            json.dumps(
                {
                    "GiB": size,
                    "peak MiB here": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                    **found,
                }
            )
        )
        return
    print(f"{given.trials:,} trials, {size:.1f} GiB")
    for name, numbers in found.items():
        print(f"{name:<16}" + "".join(f"  {key} {value:8.2f}" for key, value in numbers.items()))


if __name__ == "__main__":
    main()
