"""Workers of a study: overhead of a trial, and what two workers of one thread give against one of two.

python -m benchmarks.executors [--rounds 3] [--json]

`training-free` is a study of 160 recipes without epochs, `training` one of 8 trainings. The rate is that of
the last three quarters of a study's trials, so that the start of a pool counts for nothing. Overhead is what
a trial takes in the store: asking, claiming, a heartbeat and the transaction that puts it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from spareto.core.errors import SparetoError
from spareto.study.config import StudyConfig
from spareto.study.database.tasks import Task
from spareto.study.executors import chosen
from spareto.study.listener import StudyListener
from spareto.study.run import run_study
from spareto.study.store import STORE_NAME, TrialStore

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
NETWORK = {"name": "conv", "options": {"channels": [16, 32], "votes": 5}}
TRAINED = {"epochs": 1, "batch_size": 32, "learning_rate": 0.01}
DENSE = {
    "name": "workers",
    "data": {"name": "digits", "timesteps": 8},
    "network": NETWORK,
    "training": TRAINED,
}
SHARES = [round(0.04 * step, 2) for step in range(1, 21)]
STUDIES = {
    "training-free": {
        **DENSE,
        "compression_training": {**TRAINED, "epochs": 0},
        "grid": [{"regime": "joint", "bits": [8, 7, 6, 5, 4, 3, 2, 9], "sparsity": SHARES}],
    },
    "training": {
        **DENSE,
        "compression_training": {**TRAINED, "epochs": 2},
        "grid": [{"regime": "joint", "bits": [8, 4], "sparsity": [0.5, 0.7, 0.8, 0.9]}],
    },
}
WAYS = {"1 worker, 1 thread": (1, 1), "1 worker, 2 threads": (1, 2), "2 workers, 1 thread": (2, 1)}


class _Times(StudyListener):
    def __init__(self) -> None:
        self.ended: list[float] = []

    def trial_ends(self, trial: object, *, reused: bool) -> None:
        self.ended.append(time.perf_counter())


def a_second(study: str, workers: int, threads: int) -> float:
    """Trials a second, over the last three quarters of a study."""
    told = _Times()
    with tempfile.TemporaryDirectory() as folder:
        executor = chosen("local", workers, threads)
        run_study(StudyConfig.parse(STUDIES[study], "study"), Path(folder) / "run", told, executor=executor)
    ends = told.ended[len(told.ended) // 4 :]
    return (len(ends) - 1) / (ends[-1] - ends[0])


def overhead(count: int = 200) -> float:
    """Processor and disk seconds that a trial takes in a SQLite store."""
    import factories

    trial = factories.study()[0]
    with tempfile.TemporaryDirectory() as folder, TrialStore(Path(folder) / STORE_NAME) as store:
        began = time.perf_counter()
        store.tasks.ask([Task(f"{n}", {}) for n in range(count)], "owner")
        while (claim := store.tasks.claim("owner")) is not None:
            store.tasks.beat([claim])
            store.put(claim.key, trial, claim)
        return (time.perf_counter() - began) / count


def main() -> None:
    """Measure in turns, print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found: dict[str, float] = {
        "overhead of a trial, ms": 1e3 * statistics.median(overhead() for _ in range(given.rounds))
    }
    rates: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        for study in STUDIES:
            for way, (workers, threads) in WAYS.items():
                rates.setdefault(f"{study}, {way}, trials/s", []).append(a_second(study, workers, threads))
    found |= {name: statistics.median(values) for name, values in rates.items()}
    if given.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:<48} {value:8.2f}")


if __name__ == "__main__":
    try:
        main()
    except SparetoError as error:
        sys.exit(str(error))
