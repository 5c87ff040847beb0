"""Progress of a study for TensorBoard, beside the other listeners."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from typing_extensions import override

from spareto.cli.relay import StudyRelay
from spareto.core.text import component
from spareto.study.listener import StudyListener
from spareto.training import EpochReport
from spareto.training.tensorboard import TensorBoardListener, writer


class StudyBoard(StudyRelay):
    """Writes every training to a folder of its own, named after recipe and seed; close it, or use `with`.

    Args:
        folder: Where these folders go.
        other: Who is told, too.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, other: StudyListener) -> None:
        writer()  # refuses now, not after the first epoch
        super().__init__(other)
        self._folder, self._name = folder, "training"
        self._board: TensorBoardListener | None = None
        self._boards: dict[int, StudyBoard] = {}

    @override
    def training_begins(self, label: str, seed: int) -> None:
        self.close()
        name = component(label)
        self._name = f"{name}-seed{seed}"
        self._other.training_begins(label, seed)

    @override
    def epoch_ends(self, report: EpochReport) -> None:
        if self._board is None:  # a training that was loaded leaves no folder
            self._board = TensorBoardListener(self._folder / self._name)
        self._board(report)
        self._other.epoch_ends(report)

    @override
    def of_worker(self, worker: int) -> StudyListener:
        if worker not in self._boards:
            self._boards[worker] = StudyBoard(self._folder, self._other.of_worker(worker))
        return self._boards[worker]

    def close(self) -> None:
        """Finish the file of the training under way."""
        for each in self._boards.values():
            each.close()
        if self._board is not None:
            self._board.close()
            self._board = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()
