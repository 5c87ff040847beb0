"""A listener that tells another one everything it hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spareto.core.errors import Problem
from spareto.core.locks import Holder
from spareto.kernels import Decision
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

    def study_begins(self, trials: int) -> None:
        """See `StudyListener`."""
        self._other.study_begins(trials)

    def noted(self, notes: Sequence[str]) -> None:
        """See `StudyListener`."""
        self._other.noted(notes)

    def training_begins(self, label: str, seed: int) -> None:
        """See `StudyListener`."""
        self._other.training_begins(label, seed)

    def epoch_ends(self, report: EpochReport) -> None:
        """See `StudyListener`."""
        self._other.epoch_ends(report)

    def layer_is_silent(self, label: str, seed: int, problem: Problem) -> None:
        """See `StudyListener`."""
        self._other.layer_is_silent(label, seed, problem)

    def layers_ran(self, kernels: str, decisions: Mapping[str, Decision]) -> None:
        """See `StudyListener`."""
        self._other.layers_ran(kernels, decisions)

    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        """See `StudyListener`."""
        self._other.trial_ends(trial, reused=reused)

    def training_stopped(self, label: str, seed: int, epochs: int) -> None:
        """See `StudyListener`."""
        self._other.training_stopped(label, seed, epochs)

    def trial_tested(self, trial: Trial) -> None:
        """See `StudyListener`."""
        self._other.trial_tested(trial)

    def waits(self, holder: Holder) -> None:
        """See `StudyListener`."""
        self._other.waits(holder)
