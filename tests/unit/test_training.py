"""Training ends with the same bits however often it was killed."""

from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

import tiny
from spareto import recipes
from spareto.compression import compress
from spareto.compression.run import compress_and_train
from spareto.core.errors import StoreError, TrainingError
from spareto.records import PruneStep, QuantizeStep, Recipe, TrainingPlan
from spareto.testing.steps import state_bytes
from spareto.training import load_checkpoint, read_manifest, save_checkpoint, train
from spareto.training.optimizer import make_optimizer

EPOCHS = 5
PLAN = TrainingPlan(
    epochs=EPOCHS, batch_size=3, learning_rate=0.02, warmup_epochs=1, weight_decay=0.01, max_shift=1
)
CUMULATIVE = Recipe(
    steps=(PruneStep(sparsity=0.4, start=0.2), QuantizeStep(bits=3, start=0.6)),
    training=PLAN,
)


class Killed(Exception):  # noqa: N818 - not an error
    pass


def kill_after(epoch):
    def told(report):
        if report.epoch == epoch:
            raise Killed

    return told


@pytest.fixture
def data():
    return tiny.frame_data()


def dense(data, **options):
    network = tiny.network(dropout=0.3)
    train(network, data, PLAN, **options)
    return network


def compressed(data, **options):
    return compress_and_train(tiny.network(dropout=0.3), CUMULATIVE, data, **options)


@pytest.mark.parametrize("work", [dense, compressed], ids=["dense", "cumulative"])
@pytest.mark.parametrize("killed", range(1, EPOCHS + 1))
def test_a_killed_training_ends_with_the_bits_of_an_uninterrupted_one(work, killed, data, tmp_path):
    path = tmp_path / "state.safetensors"
    with pytest.raises(Killed):
        work(data, seed=4, checkpoint=path, on_epoch=kill_after(killed))
    epochs = []
    resumed = work(data, seed=4, checkpoint=path, on_epoch=lambda report: epochs.append(report.epoch))
    assert epochs == list(range(killed + 1, EPOCHS + 1))
    assert state_bytes(resumed) == state_bytes(work(data, seed=4))


def test_killed_after_every_epoch(data, tmp_path):
    path = tmp_path / "state.safetensors"
    for epoch in range(1, EPOCHS):
        with pytest.raises(Killed):
            compressed(data, checkpoint=path, on_epoch=kill_after(epoch))
    assert state_bytes(compressed(data, checkpoint=path)) == state_bytes(compressed(data))


@pytest.mark.parametrize("quantizer", ["learned_clip", "max_range"])
def test_a_milestone_sees_the_network_trained_so_far(quantizer, data, tmp_path):
    step = QuantizeStep(bits=4, quantizer=quantizer, granularity="per_channel", start=0.4)
    work = partial(compress_and_train, tiny.network(), Recipe(steps=(step,), training=PLAN), data)
    path = tmp_path / "state.safetensors"
    with pytest.raises(Killed):
        work(checkpoint=path, on_epoch=kill_after(2))
    assert state_bytes(work(checkpoint=path)) == state_bytes(work())


def test_same_seed_same_bits_and_another_seed_others(data):
    first, second, third = (dense(data, seed=seed) for seed in (1, 1, 2))
    assert state_bytes(first) == state_bytes(second)
    assert state_bytes(first) != state_bytes(third)


def test_keeping_a_checkpoint_changes_nothing(data, tmp_path):
    assert state_bytes(dense(data, checkpoint=tmp_path / "a")) == state_bytes(dense(data))


def test_it_learns(data):
    network, losses = tiny.network(), []
    plan = TrainingPlan(epochs=30, batch_size=4, learning_rate=0.02)
    train(network, data, plan, on_epoch=lambda report: losses.append(report.loss))
    assert losses[-1] < 0.5 * losses[0]
    with torch.inference_mode():
        rates = network(torch.from_numpy(data.train_frames).float())
    assert np.array_equal(rates.argmax(1).numpy(), data.train_labels)


def test_a_trained_network_is_in_evaluation_mode(data):
    assert not dense(data).training
    untrained = tiny.network()
    train(untrained, data, TrainingPlan(epochs=0))
    assert not untrained.training


def test_no_epochs_leave_the_weights_alone(data):
    network = tiny.network()
    before = state_bytes(network)
    train(network, data, TrainingPlan(epochs=0))
    assert state_bytes(network) == before


def test_listeners_are_told_every_epoch(data):
    told = []
    dense(data, on_epoch=told.append)
    assert [(report.epoch, report.epochs) for report in told] == [(n, EPOCHS) for n in range(1, EPOCHS + 1)]
    assert all(report.loss > 0 and report.seconds > 0 for report in told)


def test_weights_decay_but_scales_and_batch_norms_do_not():
    network = compress(tiny.network(), recipes.quantize(3))
    optimizer = make_optimizer(network, PLAN)
    decayed, kept = ({id(parameter) for parameter in group["params"]} for group in optimizer.param_groups)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    assert {names[key].rpartition(".")[2] for key in decayed} == {"original"}
    assert len(decayed) == 2
    assert {names[key].rpartition(".")[2] for key in kept} == {"log_clip", "weight", "bias"}
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0]


def test_a_loss_that_is_no_number_is_refused(data, tmp_path):
    with pytest.raises(TrainingError) as error:
        train(tiny.Broken(), data, PLAN, checkpoint=tmp_path / "state")
    cure = "Lower training.learning_rate (now 0.02)."
    assert (
        str(error.value) == f"training, epoch 1, step 1: got a loss of nan; expected a finite number. {cure}"
    )
    assert not (tmp_path / "state").exists()


def test_a_checkpoint_of_another_run_is_refused(data, tmp_path):
    path = tmp_path / "state"
    dense(data, checkpoint=path, key="one")
    with pytest.raises(StoreError) as error:
        dense(data, checkpoint=path, key="two")
    cure = "Delete it to start afresh, or choose another folder."
    assert str(error.value) == f"{path}: got a checkpoint of another run; expected one of this run. {cure}"


@pytest.mark.parametrize("change", [{"seed": 9}, {"plan": PLAN.model_copy(update={"epochs": 2})}], ids=str)
def test_without_a_key_plan_and_seed_tell_runs_apart(change, data, tmp_path):
    path = tmp_path / "state"
    dense(data, checkpoint=path)
    with pytest.raises(StoreError, match="a checkpoint of another run"):
        train(tiny.network(), data, change.get("plan", PLAN), seed=change.get("seed", 0), checkpoint=path)


def test_a_checkpoint_with_more_epochs_than_asked_for_is_refused(data, tmp_path):
    path = tmp_path / "state"
    dense(data, checkpoint=path, key="one")
    with pytest.raises(StoreError, match="a checkpoint of another run"):
        train(tiny.network(), data, PLAN.model_copy(update={"epochs": 2}), checkpoint=path, key="one")


@pytest.mark.parametrize("size", [0, 5, 200])
def test_a_truncated_checkpoint_is_refused_with_a_cure(size, data, tmp_path):
    path = tmp_path / "state"
    dense(data, checkpoint=path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(StoreError) as error:
        dense(data, checkpoint=path)
    assert str(error.value).startswith(f"{path}: got an unreadable file (")
    assert str(error.value).endswith("expected a checkpoint. Delete the file; training then starts afresh.")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(StoreError) as error:
        read_manifest(tmp_path / "none")
    assert (
        str(error.value) == f"{tmp_path / 'none'}: got no such file; expected a checkpoint. Check the path."
    )


def test_a_checkpoint_of_a_newer_version_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "state"
    monkeypatch.setattr("spareto.training.stored.FORMAT", 3)
    save_checkpoint(path, tiny.network(), None, {})
    monkeypatch.undo()
    with pytest.raises(StoreError) as error:
        load_checkpoint(path, tiny.network())
    assert (
        str(error.value)
        == f"{path}: got a checkpoint of format 3; expected format 2 or older. Update spareto."
    )


def test_a_checkpoint_gives_the_network_and_its_manifest_back(tmp_path):
    path, network = tmp_path / "state", tiny.network(1)
    save_checkpoint(path, network, None, {"recipe": {"bits": 3}})
    other = tiny.network(2)
    load_checkpoint(path, other)
    assert state_bytes(other) == state_bytes(network)
    assert read_manifest(path) == {"checkpoint_format": 2, "recipe": {"bits": 3}}


def test_the_same_network_gives_the_same_bytes(tmp_path):
    written = set()
    for number in range(8):
        save_checkpoint(tmp_path / str(number), tiny.network(), None, {"key": "a", "epoch": 1})
        written.add((tmp_path / str(number)).read_bytes())
    assert len(written) == 1


def test_a_crash_while_saving_leaves_the_last_epoch(data, tmp_path, monkeypatch):
    path = tmp_path / "state"
    with pytest.raises(Killed):
        dense(data, checkpoint=path, on_epoch=kill_after(2))

    def half_a_file(target, content):
        with target.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise Killed

    monkeypatch.setattr(Path, "write_bytes", half_a_file)
    with pytest.raises(Killed):
        dense(data, checkpoint=path)
    monkeypatch.undo()
    assert read_manifest(path)["epoch"] == 2
    assert state_bytes(dense(data, checkpoint=path)) == state_bytes(dense(data))


@pytest.mark.parametrize("loss", get_args(TrainingPlan.model_fields["loss"].annotation))
def test_every_loss_trains(loss, data):
    losses = []
    plan = TrainingPlan(epochs=10, batch_size=8, learning_rate=0.02, loss=loss)
    train(tiny.network(), data, plan, on_epoch=lambda report: losses.append(report.loss))
    assert losses[-1] < losses[0]


def test_the_data_are_left_as_they_were(data):
    dense(data)
    untouched = tiny.frame_data()
    assert np.array_equal(untouched.train_frames, data.train_frames)
    assert np.array_equal(untouched.train_labels, data.train_labels)
