"""A listener that passes every event on to another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import override

from spareto.core.errors import Problem
from spareto.core.locks import Holder
from spareto.kernels import KernelDecision
from spareto.records import Trial
from spareto.study.listener import StudyListener
from spareto.training import EpochReport


class StudyRelay(StudyListener):
    """Passes everything on; what is of interest is overridden.

    Args:
        other: Who is told.
    """

    def __init__(self, other: StudyListener) -> None:
        self._other = other

    @override
    def study_begins(self, trials: int) -> None:
        self._other.study_begins(trials)

    @override
    def noted(self, notes: Sequence[str]) -> None:
        self._other.noted(notes)

    @override
    def estimated(self, trials: int, seconds: float, size: float) -> None:
        self._other.estimated(trials, seconds, size)

    @override
    def training_begins(self, label: str, seed: int) -> None:
        self._other.training_begins(label, seed)

    @override
    def epoch_ends(self, report: EpochReport) -> None:
        self._other.epoch_ends(report)

    @override
    def layer_is_silent(self, label: str, seed: int, problem: Problem) -> None:
        self._other.layer_is_silent(label, seed, problem)

    @override
    def layers_ran(self, kernels: str, decisions: Mapping[str, KernelDecision]) -> None:
        self._other.layers_ran(kernels, decisions)

    @override
    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        self._other.trial_ends(trial, reused=reused)

    @override
    def training_stopped(self, label: str, seed: int, epochs: int) -> None:
        self._other.training_stopped(label, seed, epochs)

    @override
    def trial_tested(self, trial: Trial) -> None:
        self._other.trial_tested(trial)

    @override
    def stopping(self) -> None:
        self._other.stopping()

    @override
    def of_worker(self, worker: int) -> StudyListener:
        return self._other.of_worker(worker)

    @override
    def waits(self, holder: Holder) -> None:
        self._other.waits(holder)
