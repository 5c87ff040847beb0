"""Who is told how a study gets on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spareto.records import Trial

if TYPE_CHECKING:
    from spareto.training import EpochReport


class StudyListener:
    """Hears everything and does nothing; the command line overrides what it shows."""

    def study_begins(self, trials: int) -> None:
        """The study has `trials` trials, those already stored included."""

    def training_begins(self, label: str, seed: int) -> None:
        """A dense network or a recipe starts to train."""

    def epoch_ends(self, report: EpochReport) -> None:
        """An epoch of the current training is over."""

    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        """A trial is in the store; `reused` if it was there before this run."""
