"""Progress of a study for TensorBoard, beside whoever else is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from spareto.core.errors import Problem
from spareto.core.locks import Holder
from spareto.core.text import component
from spareto.kernels import Decision
from spareto.records import Trial
from spareto.study.listener import StudyListener
from spareto.training import EpochReport
from spareto.training.tensorboard import TensorBoardListener, writer


class StudyBoard(StudyListener):
    """Writes every training to a folder of its own, named after recipe and seed; close it, or use `with`.

    Args:
        folder: Where these folders go.
        other: Who is told, too.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, other: StudyListener) -> None:
        writer()  # refuses now, not after the first epoch
        self._folder, self._other, self._name = folder, other, "training"
        self._board: TensorBoardListener | None = None

    def study_begins(self, trials: int) -> None:
        """See `StudyListener`."""
        self._other.study_begins(trials)

    def noted(self, notes: Sequence[str]) -> None:
        """See `StudyListener`."""
        self._other.noted(notes)

    def training_begins(self, label: str, seed: int) -> None:
        """See `StudyListener`."""
        self.close()
        name = component(label)
        self._name = f"{name}-seed{seed}"
        self._other.training_begins(label, seed)

    def epoch_ends(self, report: EpochReport) -> None:
        """See `StudyListener`."""
        if self._board is None:  # a training that was loaded leaves no folder
            self._board = TensorBoardListener(self._folder / self._name)
        self._board(report)
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

    def waits(self, holder: Holder) -> None:
        """See `StudyListener`."""
        self._other.waits(holder)

    def close(self) -> None:
        """Finish the file of the training under way."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
