"""What a search takes beside its evaluations: proposing, storing, telling.

    python -m benchmarks.search_overhead [--trials 200] [--sampler nsga2 tpe ...] [--json]

A search of the digits over bits and sparsity of each layer that trains nothing. An evaluation is what one
recipe takes without a search, too: compressing, calibrating, measuring and costing. All else counts as
overhead: the sampler, its proposals in the store, claims, the files of networks and workloads, trials.
Processor time is what the machine cannot change much; wall time has the disk in it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spareto import recipes
from spareto.study.config import StudyConfig
from spareto.study.run import open_study
from spareto.study.search.run import propose
from spareto.study.trials import TrialRunner

TRAINED = {"epochs": 1, "batch_size": 32, "learning_rate": 0.01}
EACH = {"bits": [2, 3, 4, 5, 6, 8], "sparsity": {"from": 0.0, "to": 0.9, "step": 0.05}}
STUDY = {
    "name": "overhead",
    "data": {"name": "digits", "timesteps": 4, "options": {"sensor": 16}},
    "network": {"name": "conv", "options": {"channels": [8, 16], "votes": 3}},
    "training": TRAINED,
    "compression_training": TRAINED,
}
SAMPLERS = ("nsga2", "nsga3", "tpe", "random")


class Stopwatch:
    """Seconds inside some function: on the wall, and of the processor."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self.wall += time.perf_counter() - began[0]
                self.processor += time.process_time() - began[1]

        return timed


def measured(sampler: str, trials: int) -> dict[str, float | str]:
    """A search of so many trials."""
    search = {"sampler": sampler, "trials": trials, "space": {"each_layer": EACH}}
    config = StudyConfig.parse({**STUDY, "search": search}, "study")
    whole, inside, files = Stopwatch(), Stopwatch(), Stopwatch()
    run, keep = TrialRunner.run, TrialRunner._keep
    with tempfile.TemporaryDirectory() as folder, open_study(config, Path(folder) / "run") as study:
        study.known.trial(recipes.dense(), 0, "search")
        propose(config, config.search.replace(trials=3), study.known, study.untrained)  # imports
        before = len(study.known.store)
        TrialRunner.run, TrialRunner._keep = inside.around(run), files.around(keep)
        try:
            tried = whole.around(propose)(config, config.search, study.known, study.untrained)
        finally:
            TrialRunner.run, TrialRunner._keep = run, keep
        fresh = len(study.known.store) - before
    beside = {
        name: 1e3 * (getattr(whole, name) - getattr(inside, name) + getattr(files, name)) / len(tried)
        for name in ("processor", "wall")
    }
    return {
        "sampler": sampler,
        "trials": len(tried),
        "evaluated": fresh,
        "an evaluation, processor ms": 1e3 * (inside.processor - files.processor) / max(1, fresh),
        "beside it, processor ms a trial": beside["processor"],
        "of them files, ms": 1e3 * files.processor / len(tried),
        "beside it, wall ms a trial": beside["wall"],
    }


def main() -> None:
    """Measure the samplers asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--sampler", nargs="*", default=SAMPLERS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for sampler in given.sampler:
        found = measured(sampler, given.trials)
        told = ", ".join(f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items())
        print(json.dumps(found) if given.json else told, flush=True)


if __name__ == "__main__":
    main()
