"""Progress of a study: bars on a terminal, one line a trial elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spareto.records import Trial
from spareto.study.listener import StudyListener
from spareto.training import EpochReport


class StudyProgress(StudyListener):
    """Two bars, trials and epochs; finished trials scroll by above them."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._trials = self._bars.add_task("trials", total=None)
        self._epochs = self._bars.add_task("epochs", total=None, visible=False)
        self._label = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def study_begins(self, trials: int) -> None:
        """See `StudyListener`."""
        self._bars.update(self._trials, total=trials)

    def training_begins(self, label: str, seed: int) -> None:
        """See `StudyListener`."""
        self._label = f"{label}, seed {seed}"
        self._bars.reset(self._epochs, total=None, visible=False)

    def epoch_ends(self, report: EpochReport) -> None:
        """See `StudyListener`."""
        text = f"{self._label}: loss {report.loss:.4f}, {report.seconds:.1f} s"
        self._bars.update(
            self._epochs, completed=report.epoch, total=report.epochs, description=text, visible=True
        )
        if not self._console.is_terminal and report.epoch == report.epochs:
            self._console.print(f"  {self._label}: {report.epochs} epochs, last loss {report.loss:.4f}")

    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        """See `StudyListener`."""
        how = "stored" if reused else f"{trial.seconds:.0f} s"
        label = f"{trial.recipe.label}, seed {trial.manifest.seed}"
        accuracy, energy = f"{trial.accuracy:7.2%}", f"{trial.energy_pj / 1e6:9.3f} µJ"
        self._console.print(f"{label:<34.34} accuracy {accuracy}  energy {energy}  ({how})", soft_wrap=True)
        self._bars.advance(self._trials)
