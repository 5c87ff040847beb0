"""An optional listener that writes what it is told for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from spareto.core.errors import MissingDependency, Problem
from spareto.training.listening import EpochReport

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:
    SummaryWriter = None


def writer() -> type[Any]:
    """TensorBoard's writer.

    Raises:
        MissingDependency: TensorBoard is not installed.
    """
    if SummaryWriter is None:
        cure = "Run pip install 'spareto[tensorboard]'."
        raise MissingDependency(Problem("TensorBoard", "no such library", "it installed", cure))
    return SummaryWriter


class TensorBoardListener:
    """Writes loss, learning rate, accuracy and seconds of each epoch; close it, or use it in `with`.

    Args:
        folder: Where the event files go.

    Raises:
        MissingDependency: TensorBoard is not installed.

    Example:
        >>> with TensorBoardListener("runs/board") as board:  # doctest: +SKIP
        ...     spareto.train(network, data, plan, on_epoch=board)
    """

    def __init__(self, folder: str | Path) -> None:
        self._writer = writer()(str(folder))

    def __call__(self, report: EpochReport) -> None:
        """Write one epoch."""
        values = {
            "train/loss": report.loss,
            "train/learning_rate": report.learning_rate,
            "train/seconds": report.seconds,
            "validation/accuracy": report.accuracy,
        }
        for tag, value in values.items():
            if value is not None:
                self._writer.add_scalar(tag, value, report.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Finish the event file."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()
