"""What a listener is told arrives in TensorBoard's files."""

import sys

import pytest

from spareto.core.errors import ConfigError
from spareto.training import EpochReport, tensorboard

pytest.importorskip("tensorboard", reason="needs the extra 'tensorboard'")


def test_every_epoch_is_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tensorboard.TensorBoardListener(tmp_path) as board:
        board(EpochReport(1, 2, loss=0.5, seconds=1.0, learning_rate=0.1))
        board(EpochReport(2, 2, loss=0.25, seconds=1.0, learning_rate=0.05, accuracy=0.75))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    written = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert written["train/loss"] == [(1, 0.5), (2, 0.25)]
    assert written["train/learning_rate"] == [(1, pytest.approx(0.1)), (2, pytest.approx(0.05))]
    assert written["validation/accuracy"] == [(2, 0.75)]


def test_training_alone_does_not_import_it():
    assert "spareto.training.tensorboard" in sys.modules  # this file did
    assert not hasattr(sys.modules["spareto.training"], "TensorBoardListener")


def test_without_the_library_the_cure_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "SummaryWriter", None)
    with pytest.raises(ConfigError) as error:
        tensorboard.TensorBoardListener(tmp_path)
    cure = "Run pip install 'spareto[tensorboard]'."
    assert str(error.value) == f"TensorBoard: got no such library; expected it installed. {cure}"
