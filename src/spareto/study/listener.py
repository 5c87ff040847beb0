"""Who is told how a study gets on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from spareto.core.errors import Problem
from spareto.core.locks import Holder
from spareto.kernels import KernelDecision
from spareto.records import Trial
from spareto.training import EpochReport, warn_of_silence


class StudyListener:
    """Hears everything and does nothing but warn of silence; the command line overrides what it shows."""

    def study_begins(self, trials: int) -> None:
        """The study has `trials` trials, those already stored included."""

    def noted(self, notes: Sequence[str]) -> None:
        """What was found out about data and network, and what of them is left out, one sentence each."""

    def estimated(self, trials: int, seconds: float, size: float) -> None:
        """What a long study will take, before it starts: trials, wall time, bytes of files."""

    def training_begins(self, label: str, seed: int) -> None:
        """A dense network or a recipe starts to train."""

    def epoch_ends(self, report: EpochReport) -> None:
        """An epoch of the current training is over."""

    def layer_is_silent(self, label: str, seed: int, problem: Problem) -> None:
        """A layer of the current training has no spike in the whole training split; told once a layer."""
        warn_of_silence(f"{label}, seed {seed}: {problem}")

    def layers_ran(self, kernels: str, decisions: Mapping[str, KernelDecision]) -> None:
        """How the layers of the study's first training ran, by name, and by which kernels."""

    def training_stopped(self, label: str, seed: int, epochs: int) -> None:
        """A training was stopped after so many epochs, for others did better."""

    def trial_tested(self, trial: Trial) -> None:
        """All trials are done, the test split is open, and one of them was measured on it."""

    def stopping(self) -> None:
        """The first Ctrl-C: running trials are finished, then the study ends."""
        logging.getLogger("spareto").warning(
            "spareto: finishing what is under way; Ctrl-C again stops at once."
        )

    def of_worker(self, worker: int) -> StudyListener:
        """The listener for the trainings of one of several workers."""
        return self

    def waits(self, holder: Holder) -> None:
        """Another process writes to the folder, and its end is waited for."""
        logging.getLogger("spareto").warning("spareto: waiting for %s.", holder)

    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        """A trial is in the store; `reused` if it was there before this run."""
