"""What happens in a study, one line of JSON an event, for other programs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from spareto.core.errors import Problem
from spareto.core.locks import Holder
from spareto.kernels import KernelDecision
from spareto.records import Trial
from spareto.records.rows import trial_row
from spareto.study.listener import StudyListener
from spareto.training import EpochReport


class StudyJson(StudyListener):
    """Prints every event to stdout; `worker` is there where there are several.

    Args:
        worker: Number of the worker that is heard, from 1; None for the study itself.
    """

    def __init__(self, worker: int | None = None) -> None:
        self._worker, self._training = worker, ("", 0)

    def _say(self, event: str, **facts: Any) -> None:
        of = {} if self._worker is None else {"worker": self._worker}
        print(json.dumps({"event": event, "time": round(time.time(), 3), **of, **facts}), flush=True)

    @override
    def of_worker(self, worker: int) -> StudyListener:
        return StudyJson(worker + 1)

    @override
    def study_begins(self, trials: int) -> None:
        self._say("study begins", trials=trials)

    @override
    def noted(self, notes: Sequence[str]) -> None:
        for note in notes:
            self._say("note", text=note)

    @override
    def estimated(self, trials: int, seconds: float, size: float) -> None:
        self._say("estimate", trials=trials, seconds=seconds, bytes=size)

    @override
    def training_begins(self, label: str, seed: int) -> None:
        self._training = label, seed
        self._say("training begins", trial=label, seed=seed)

    @override
    def epoch_ends(self, report: EpochReport) -> None:
        label, seed = self._training
        said = {
            "epoch": report.epoch,
            "epochs": report.epochs,
            "loss": report.loss,
            "seconds": report.seconds,
        }
        self._say("epoch ends", trial=label, seed=seed, **said)

    @override
    def layer_is_silent(self, label: str, seed: int, problem: Problem) -> None:
        self._say("layer is silent", trial=label, seed=seed, text=str(problem))

    @override
    def layers_ran(self, kernels: str, decisions: Mapping[str, KernelDecision]) -> None:
        self._say("layers ran", kernels=kernels, ways={name: each.way for name, each in decisions.items()})

    @override
    def training_stopped(self, label: str, seed: int, epochs: int) -> None:
        self._say("training stopped", trial=label, seed=seed, epochs=epochs)

    @override
    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        row: dict[str, Any] = {**trial_row(trial, False)}
        del row["on_front"]
        self._say("trial ends", reused=reused, seconds=trial.seconds, **row)

    @override
    def trial_tested(self, trial: Trial) -> None:
        row = {"trial": trial.recipe.label, "seed": trial.manifest.seed, "accuracy": trial.accuracy}
        self._say("trial tested", **row)

    @override
    def stopping(self) -> None:
        self._say("stopping")

    @override
    def waits(self, holder: Holder) -> None:
        self._say("waits", text=str(holder))
