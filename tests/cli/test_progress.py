"""What a user sees of trainings: on stderr in 80 columns, and in TensorBoard's files."""

import pytest

import tiny
from spareto.cli import progress
from spareto.cli.progress import telling
from spareto.core.errors import ConfigError, Problem
from spareto.kernels import KernelDecision
from spareto.records import TrainingPlan
from spareto.training import EpochReport, SilentLayerWarning, tensorboard, train

SILENCE = Problem("training, epoch 1, layer 'features.0.neuron'", "no spike for 8 samples", "some spikes")
EVENTS = KernelDecision("Conv2d(3, 5)", "events", "at most 0.5 of its inputs are spikes", 0.123)
DENSE = KernelDecision("Linear(3, 5)", "dense", "its input is not spikes only")
SLOW = KernelDecision("Linear(3, 5)", "reference", "weights are torch.float32 on cuda, which nobody knows")


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def told(capsys):
    def lines() -> list[str]:
        out, err = capsys.readouterr()
        assert out == ""
        return err.splitlines()

    return lines


def hear(listener, plan):
    listener.training_begins("mine", 3)
    train(tiny.network(), tiny.frame_data(), plan, on_epoch=listener.epoch_ends)


def test_a_training_ends_in_one_line(told):
    with telling(quiet=False, tensorboard=None) as listener:
        hear(listener, TrainingPlan(epochs=3, batch_size=4))
    (line,) = told()
    assert line.startswith("  mine, seed 3: 3 epochs, last loss 0.")
    assert "right" not in line


def test_a_training_that_stops_early_says_so_and_how_much_is_right(told):
    plan = TrainingPlan(epochs=30, batch_size=4, validation_share=0.25, patience=1)
    with telling(quiet=False, tensorboard=None) as listener:
        hear(listener, plan)
    (line,) = told()
    assert " epochs of 30, last loss " in line
    assert line.endswith("% right")


def test_silence_names_the_trial(told):
    with telling(quiet=False, tensorboard=None) as listener:
        listener.layer_is_silent("joint 3 bit", 1, SILENCE)
    assert told() == [f"Warning: joint 3 bit, seed 1: {SILENCE}"]


def test_the_quiet_are_warned_all_the_same(told):
    with telling(quiet=True, tensorboard=None) as listener:
        hear(listener, TrainingPlan(epochs=1))
        with pytest.warns(SilentLayerWarning) as warned:
            listener.layer_is_silent("joint 3 bit", 1, SILENCE)
    assert str(warned[0].message) == f"joint 3 bit, seed 1: {SILENCE}"
    assert told() == []


def test_ways_fit_80_columns(told):
    with telling(quiet=False, tensorboard=None) as listener:
        ways = {"features.1.conv": EVENTS, "readout.0.linear": DENSE, "a" * 40: SLOW}
        listener.layers_ran("c (avx512)", ways)
    assert told() == [
        "  kernels: c (avx512)",
        "  features.1.conv                 events     12 % spikes",
        "  readout.0.linear                dense      its input is not spikes only",
        f"  {'a' * 30}  reference  weights are torch.float32 on cuda, ",
    ]


def test_every_training_has_a_folder_for_tensorboard(tmp_path, told):
    pytest.importorskip("tensorboard", reason="needs the extra 'tensorboard'")
    with telling(quiet=True, tensorboard=tmp_path) as listener:
        for label in ("dense network", "joint 3 bit 50 %", "loaded, not trained"):
            listener.training_begins(label, 0)
            if label[0] != "l":
                listener.epoch_ends(EpochReport(1, 1, loss=0.5, seconds=1.0, last=True))
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == ["dense-network-seed0", "joint-3-bit-50-seed0"]
    assert all(len(list((tmp_path / name).glob("events*"))) == 1 for name in folders)


def test_the_others_hear_what_the_board_hears(tmp_path, told):
    pytest.importorskip("tensorboard", reason="needs the extra 'tensorboard'")
    with telling(quiet=False, tensorboard=tmp_path) as listener:
        listener.study_begins(2)
        hear(listener, TrainingPlan(epochs=2))
        listener.layer_is_silent("mine", 3, SILENCE)
        listener.layers_ran("torch", {})
    assert [line.split()[0] for line in told()] == ["mine,", "Warning:", "kernels:"]


def test_without_tensorboard_nothing_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "SummaryWriter", None)
    with pytest.raises(ConfigError, match="pip install"), telling(quiet=True, tensorboard=tmp_path):
        pass


@pytest.mark.parametrize(("pause", "lines"), [(0.0, 3), (1e9, 1)])
def test_where_there_are_no_bars_a_long_training_is_told_of_as_it_goes(told, monkeypatch, pause, lines):
    monkeypatch.setattr(progress, "PAUSE", pause)
    with telling(quiet=False, tensorboard=None) as listener:
        hear(listener, TrainingPlan(epochs=3, batch_size=4))
    said = told()
    assert len(said) == lines
    assert said[-1].startswith("  mine, seed 3: 3 epochs, last loss 0.")
    assert all(line.startswith("  mine, seed 3: ") for line in said)
