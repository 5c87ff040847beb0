"""What a training cannot be made of is refused before it begins, in words that name the cause."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from spareto.core.errors import ConfigError, DataError, StoreError
from spareto.records import TrainingPlan
from spareto.study.config import StudyConfig
from spareto.training import evaluate, read_manifest, train, train_seeds

PLAN = TrainingPlan(epochs=1, batch_size=4)
CURE = "Check the data."


@pytest.fixture
def data():
    return tiny.frame_data()


def with_nan(data):
    frames = data.train_frames.astype(np.float32)
    frames[1, 3, 0, 0, 0] = np.nan
    return replace(data, train_frames=frames)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_nan, "frames: got nan or infinity; expected finite numbers."),
        (
            lambda data: replace(
                data, train_frames=data.train_frames[:, :0], train_labels=data.train_labels[:0]
            ),
            "labels: got no sample; expected at least one.",
        ),
        (
            lambda data: replace(data, train_labels=data.train_labels[:5]),
            "labels: got shape (5,) for 8 samples; expected shape (8,), one a sample.",
        ),
        (
            lambda data: replace(data, train_labels=data.train_labels + 1),
            "labels: got 1 to 2; expected values from 0 to 1.",
        ),
        (
            lambda data: replace(data, train_labels=data.train_labels - 1),
            "labels: got -1 to 0; expected values from 0 to 1.",
        ),
        (
            lambda data: replace(data, train_labels=data.train_labels + np.float32(0.5)),
            "labels: got 0.5; expected whole numbers from 0.",
        ),
        (
            lambda data: replace(data, train_labels=np.where(data.train_labels == 1, np.nan, 0.0)),
            "labels: got nan; expected whole numbers from 0.",
        ),
    ],
    ids=["nan", "empty", "few", "large", "negative", "half", "nan label"],
)
def test_data_nothing_can_be_trained_on(change, said, data):
    with pytest.raises(DataError) as error:
        train(tiny.network(), change(data), PLAN)
    assert str(error.value) == f"training split: {said} {CURE}"


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.bool_], ids=lambda kind: kind.__name__)
def test_labels_may_be_whole_numbers_of_any_type(kind, data):
    networks = [tiny.network(), tiny.network()]
    for network, labels in zip(networks, (np.int64, kind), strict=True):
        train(network, replace(data, train_labels=data.train_labels.astype(labels)), PLAN)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(one, other)


def test_fewer_labels_than_frames_are_not_evaluated(data):
    with pytest.raises(DataError) as error:
        evaluate(tiny.network(), data.test_frames, data.test_labels[:3])
    rule = "shape (8,), one a sample"
    assert str(error.value) == f"evaluation: labels: got shape (3,) for 8 samples; expected {rule}. {CURE}"


def test_a_network_with_too_few_classes(data):
    with pytest.raises(ConfigError) as error:
        train(tiny.network(classes=1), data, PLAN)
    cure = "Build it with as many classes as the labels name, samples first."
    said = f"network: got an output of shape (4, 1); expected rates of shape (4, 2) or wider. {cure}"
    assert str(error.value) == said


def test_a_network_that_answers_a_timestep_each(data):
    network = nn.Sequential(nn.Flatten(2), nn.Linear(72, 2))
    with pytest.raises(ConfigError) as error:
        train(network, data, PLAN, time="time-batch")
    rule = 'expected one answer a sample, or a vote. Say vote="mean", "sum", "last" or "max".'
    assert str(error.value) == f"network: got an output over time, of shape (3, 4, 2); {rule}"
    train(network, data, PLAN, time="time-batch", vote="mean")


def test_paths_may_be_texts(data, tmp_path):
    path = str(tmp_path / "a.safetensors")
    train(tiny.network(), data, PLAN, checkpoint=path)
    assert read_manifest(path)["epoch"] == 1
    train_seeds(tiny.network, data, PLAN, (1,), folder=str(tmp_path))
    assert read_manifest(tmp_path / "seed-1.safetensors")["seed"] == 1


def test_the_checkpoint_of_another_network_under_the_same_key(data, tmp_path):
    path = tmp_path / "a.safetensors"
    train(tiny.network(), data, PLAN, checkpoint=path, key="mine")
    with pytest.raises(StoreError) as error:
        train(tiny.network(channels=(4,)), data, PLAN, checkpoint=path, key="mine")
    text = str(error.value)
    assert text.startswith(
        f"{path}: got tensors of another network (size mismatch for features.0.conv.weight:"
    )
    cure = "Build the network as it was, or delete the file to start afresh."
    assert text.endswith(f"...); expected those of this network. {cure}")


def test_a_plan_from_python_is_refused_in_the_words_of_one_from_a_file():
    with pytest.raises(ConfigError) as python:
        TrainingPlan(loss="mse", epochs=-1)
    with pytest.raises(ConfigError) as file:
        StudyConfig.parse({"name": "a", "training": {"loss": "mse", "epochs": -1}}, "study")
    lines = str(python.value).splitlines()
    assert lines == [
        "TrainingPlan.epochs: got -1; expected an integer of at least 0, at most 1e6.",
        "TrainingPlan.loss: got 'mse'; expected one of mse_vote, cross_entropy_rate, "
        "cross_entropy_time, spike_count.",
    ]
    assert [line.replace("TrainingPlan", "study.training") for line in lines] == str(file.value).splitlines()


@pytest.mark.parametrize("rates", [[0.05, 0.8], [0.5, 0.5]])
def test_the_right_class_must_be_asked_for_more_than_the_others(rates):
    with pytest.raises(ConfigError) as error:
        TrainingPlan.parse({"target_rates": rates}, "training")
    rule = "the rate of the right class first, and above that of the others"
    assert str(error.value) == f"training.target_rates: got {rates}; expected {rule}."


@pytest.mark.parametrize("why", ["frozen", "detached", "without a surrogate"])
def test_a_network_of_which_nothing_trains_is_refused_in_words(data, why):
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(data.train_frames[0, 0].size, data.info.classes)

        def forward(self, x):
            y = self.fc(x.flatten(2))
            y = y.detach() if why == "detached" else (y > 0).float() if why == "without a surrogate" else y
            return y.mean(0)

    network = Plain().requires_grad_(why != "frozen")
    with pytest.raises(ConfigError, match="network: got an answer without a gradient; expected one that"):
        train(network, data, PLAN, time="time-batch")
