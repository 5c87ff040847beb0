"""Progress of a study: bars on a terminal, one line a training and trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typing_extensions import override

from spareto.cli.console import Console
from spareto.cli.jsonlines import StudyJson
from spareto.cli.pace import Pace
from spareto.cli.relay import StudyRelay
from spareto.cli.spans import span
from spareto.core.amounts import MICROJOULES, energy, file_size
from spareto.core.errors import Problem
from spareto.core.locks import Holder
from spareto.core.text import visible
from spareto.kernels import KernelDecision
from spareto.records import Trial
from spareto.study.listener import StudyListener
from spareto.training import EpochReport

PAUSE: Final = 30.0
"""Seconds after which an epoch is told of where there are no bars."""


@contextmanager
def telling(
    *, quiet: bool, tensorboard: Path | None, plain: bool = False, json: bool = False
) -> Iterator[StudyListener]:
    """Who is told of a command's trainings.

    Args:
        quiet: Show no progress; warnings still come.
        tensorboard: Folder of the files for TensorBoard, or None.
        plain: Lines instead of bars, on a terminal too.
        json: A line of JSON on stdout for everything that happens.

    Raises:
        ConfigError: TensorBoard is asked for and not installed.
    """
    with ExitStack() as stack:
        listener = StudyListener()
        if json:
            listener = StudyJson()
        elif not quiet:
            listener = stack.enter_context(StudyProgress(plain=plain))
        if tensorboard is not None:
            from spareto.cli.board import StudyBoard

            listener = stack.enter_context(StudyBoard(tensorboard, listener))
        yield listener


class StudyProgress(StudyListener):
    """A bar of trials, and one of epochs for each worker; finished trials scroll by above them.

    Args:
        plain: No bars on a terminal either; lines as in a log.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._console = Console(stderr=True, **({"force_terminal": False} if plain else {}))
        self._pace = Pace()
        self._workers: dict[int, _WorkerBars] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._trials = self._bars.add_task("trials", total=None)
        self._epochs = self._bars.add_task("epochs", total=None, visible=False)
        self._label, self._left = "", 0
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bars.stop()

    @override
    def study_begins(self, trials: int) -> None:
        self._left = trials
        self._bars.update(self._trials, total=trials)

    @override
    def of_worker(self, worker: int) -> StudyListener:
        if worker not in self._workers:
            self._workers[worker] = _WorkerBars(self, self._bars, worker)
        return self._workers[worker]

    @override
    def noted(self, notes: Sequence[str]) -> None:
        for note in notes:
            self._say(f"  {note}")

    @override
    def estimated(self, trials: int, seconds: float, size: float) -> None:
        self._say(f"  estimate: {trials} trials take about {span(seconds)} and {file_size(size)}")

    @override
    def training_begins(self, label: str, seed: int) -> None:
        self._label = f"{label}, seed {seed}"
        self._bars.reset(self._epochs, total=None, visible=False)

    @override
    def epoch_ends(self, report: EpochReport) -> None:
        right = "" if report.accuracy is None else f", {report.accuracy:.1%} right"
        text = f"{self._label}: loss {report.loss:.4f}{right}, {report.seconds:.1f} s"
        self._bars.update(
            self._epochs, completed=report.epoch, total=report.epochs, description=visible(text), visible=True
        )
        if not self._console.is_terminal and (report.last or time.monotonic() - self._said >= PAUSE):
            epochs = f"{report.epoch} epochs" + f" of {report.epochs}" * (report.epoch < report.epochs)
            self._say(f"  {self._label}: {epochs}, last loss {report.loss:.4f}{right}")

    @override
    def layer_is_silent(self, label: str, seed: int, problem: Problem) -> None:
        self._say(f"Warning: {label}, seed {seed}: {problem}")

    @override
    def layers_ran(self, kernels: str, decisions: Mapping[str, KernelDecision]) -> None:
        self._say(f"  kernels: {kernels}")
        for name, decision in decisions.items():
            density = decision.density
            why = decision.why if density is None else f"{100 * density:.0f} % spikes"
            self._say(f"  {name:<30.30}  {decision.way:<9}  {why:.35}")

    @override
    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        how = "stored" if reused else f"{trial.seconds:.0f} s"
        label = f"{trial.recipe.label}, seed {trial.manifest.seed}"
        accuracy, used = f"{trial.chosen_by:7.2%}", f"{energy(trial.energy_pj, MICROJOULES):>12}"
        self._say(f"{label:<34.34} validated {accuracy}  energy {used}  ({how})")
        self._left -= 1
        said = self._pace.after(trial, self._left, reused=reused)
        self._bars.update(self._trials, description=visible(f"trials{said}"))
        self._bars.advance(self._trials)

    @override
    def training_stopped(self, label: str, seed: int, epochs: int) -> None:
        self._say(f"  {label}, seed {seed}: stopped after {epochs} epochs, for others did better")

    @override
    def waits(self, holder: Holder) -> None:
        self._say(f"Waiting for {holder}, which writes to the same folder.")

    def _say(self, line: str) -> None:
        self._said = time.monotonic()
        self._console.print(line, soft_wrap=True)


class _WorkerBars(StudyRelay):
    """A bar of epochs for one of several workers; lines only where there are no bars.

    Args:
        study: Says what is to be read.
        bars: Where the bar goes.
        worker: Number from 0.
    """

    def __init__(self, study: StudyProgress, bars: Progress, worker: int) -> None:
        super().__init__(study)
        self._bars, self._name = bars, f"{worker + 1}"
        self._label, self._bar = "", bars.add_task("", total=None, visible=False)

    @override
    def training_begins(self, label: str, seed: int) -> None:
        self._label = f"worker {self._name}: {label}, seed {seed}"
        self._bars.reset(self._bar, total=None, visible=False)

    @override
    def epoch_ends(self, report: EpochReport) -> None:
        text = f"{self._label}: loss {report.loss:.4f}, {report.seconds:.1f} s"
        self._bars.update(
            self._bar, completed=report.epoch, total=report.epochs, description=visible(text), visible=True
        )
        if self._bars.disable and report.last:
            self.noted((f"{self._label}: {report.epoch} epochs, last loss {report.loss:.4f}",))
