"""What a plan can ask for beyond epochs and a learning rate, each against what it must mean."""

import re
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from spareto.core.errors import ConfigError, TrainingError
from spareto.kernels import options
from spareto.kernels.kernel_options import current
from spareto.neurons.lif import LIF
from spareto.records import TrainingPlan
from spareto.testing.steps import state_bytes
from spareto.training import SilentLayerWarning, best_path, evaluate, read_manifest, train, train_seeds
from spareto.training.batches import Batches
from spareto.training.health import first_non_finite, silent_layers
from spareto.training.norms import estimate_norms
from spareto.training.processes import Processes

BASE = {"epochs": 4, "batch_size": 3, "learning_rate": 0.02}


class Killed(Exception):  # noqa: N818 - not an error
    pass


@pytest.fixture
def data():
    return tiny.frame_data()


def trained(data, seed=0, **options):
    """A fresh network, trained; words `train` itself knows go to it, all others make the plan."""
    direct = {
        name: options.pop(name) for name in ("before_step", "on_epoch", "checkpoint") if name in options
    }
    network = tiny.network()
    train(network, data, TrainingPlan(**BASE | options), seed=seed, **direct)
    return network


def batches(data, plan, seed=0, processes=Processes()):  # noqa: B008 - frozen
    return Batches(data, plan, seed, processes, torch.device("cpu"))


# plans


def test_the_fingerprint_of_a_plan_of_defaults_pins_them():
    assert TrainingPlan().hash == TrainingPlan(keep="last", precision="float32").hash == "a46cbb9a3376310f"


@pytest.mark.parametrize("options", [{"patience": 2}, {"keep": "best"}])
def test_choosing_weights_needs_samples_to_choose_by(options):
    with pytest.raises(ConfigError) as error:
        TrainingPlan.parse(options, "plan")
    rule = "a validation_share above 0, which patience and keep 'best' go by"
    assert str(error.value) == f"plan: got {options!r}; expected {rule}."


def test_an_average_and_a_choice_exclude_each_other():
    with pytest.raises(ConfigError, match="both choose the final weights"):
        TrainingPlan.parse({"patience": 2, "validation_share": 0.2, "average_epochs": 2}, "plan")


# held-out samples


def test_held_out_samples_are_never_trained_on_and_keep_the_share_of_every_class():
    data = tiny.frame_data(samples=40)
    drawn = batches(data, TrainingPlan(batch_size=7, validation_share=0.25))
    assert np.bincount(data.train_labels[drawn.held_out]).tolist() == [5, 5]
    seen = torch.cat([batch.frames for batch in drawn.epoch(0)], dim=1)
    expected = torch.from_numpy(data.train_frames[:, drawn.trained_on]).float()
    assert seen.shape[1] == drawn.samples == 30
    assert sorted(map(float, seen.sum((0, 2, 3, 4)))) == sorted(map(float, expected.sum((0, 2, 3, 4))))
    assert not set(drawn.held_out) & set(drawn.trained_on)


def test_another_seed_holds_other_samples_out():
    data, plan = tiny.frame_data(samples=40), TrainingPlan(validation_share=0.25)
    assert set(batches(data, plan, 0).held_out) != set(batches(data, plan, 1).held_out)


def test_a_share_that_leaves_nothing_is_refused(data):
    with pytest.raises(ConfigError) as error:
        trained(data, validation_share=0.95)
    got, rule = "0.95 of 8 samples", "a share that leaves one to train on"
    assert str(error.value) == f"training.validation_share: got {got}; expected {rule}."


def test_listeners_hear_of_accuracy_and_learning_rate(data):
    told = []
    network = trained(data, validation_share=0.25, on_epoch=told.append)
    drawn = batches(data, TrainingPlan(**BASE, validation_share=0.25))
    frames, labels = data.train_frames[:, drawn.held_out], data.train_labels[drawn.held_out]
    assert told[-1].accuracy == evaluate(network, frames, labels)
    assert told[0].learning_rate == 0.02 > told[-1].learning_rate > 0


def test_training_stops_when_patience_ends(data):
    plan, told = {"epochs": 30, "validation_share": 0.25, "patience": 3}, []
    trained(data, **plan, on_epoch=told.append)
    accuracies = [report.accuracy for report in told]
    best = accuracies.index(max(accuracies)) + 1
    assert len(told) == best + 3 < 30
    assert [report.last for report in told] == [False] * (len(told) - 1) + [True]


def test_the_last_epoch_is_said_to_be_the_last(data):
    told = []
    trained(data, on_epoch=told.append)
    assert [report.last for report in told] == [False, False, False, True]


def test_the_best_weights_come_back(data, tmp_path):
    options = {"epochs": 8, "validation_share": 0.5, "keep": "best", "learning_rate": 0.3}
    snapshots, told = [], []

    def note(network, step, steps):
        if step and step % 2 == 0:
            snapshots.append(deepcopy(dict(network.named_parameters())))

    network = trained(data, **options, before_step=note, on_epoch=told.append)
    accuracies = [report.accuracy for report in told]
    best = accuracies.index(max(accuracies))
    assert best < len(told) - 1, "a choice the last epoch would win proves nothing"
    weights = network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in snapshots[best].items())
    path = tmp_path / "state.safetensors"
    assert state_bytes(trained(data, **options, checkpoint=path)) == state_bytes(network)
    assert read_manifest(best_path(path))["epoch"] == best + 1
    assert state_bytes(trained(data, **options, checkpoint=path)) == state_bytes(network)


@pytest.mark.parametrize(
    "options",
    [
        {"validation_share": 0.25, "keep": "best"},
        {"validation_share": 0.25, "patience": 2},
        {"validation_share": 0.5, "patience": 1, "keep": "best", "learning_rate": 0.3},
        {"average_epochs": 3},
        {"clip_norm": 0.1, "precision": "bfloat16"},
    ],
    ids=str,
)
@pytest.mark.parametrize("killed", [1, 2, 3, 4])
def test_every_option_survives_a_kill(options, killed, data, tmp_path):
    path = tmp_path / "state.safetensors"

    def kill(report):
        if report.epoch == killed:
            raise Killed

    reports = []
    trained(data, **options, on_epoch=reports.append)
    if killed <= len(reports):
        with pytest.raises(Killed):
            trained(data, **options, checkpoint=path, on_epoch=kill)
    assert state_bytes(trained(data, **options, checkpoint=path)) == state_bytes(trained(data, **options))


def test_a_manifest_says_what_the_numbers_come_from(data, tmp_path):
    path = tmp_path / "state.safetensors"
    trained(data, seed=7, checkpoint=path)
    manifest = read_manifest(path)
    assert (manifest["seed"], manifest["data_hash"], manifest["epoch"]) == (7, data.hash, 4)
    assert set(manifest["versions"]) == {"spareto", "torch", "numpy"}
    assert TrainingPlan.parse(manifest["plan"], "plan") == TrainingPlan(**BASE)


# averages


def test_the_network_ends_with_the_mean_of_its_last_epochs(data):
    ends = {}
    for epochs in (2, 3, 4):  # the learning rate of a shorter plan differs, so stop the same plan instead

        def stop(report, epochs=epochs):
            if report.epoch == epochs:
                raise Killed

        network = tiny.network()
        with pytest.raises(Killed):
            train(network, data, TrainingPlan(**BASE), on_epoch=stop)
        ends[epochs] = dict(network.named_parameters())
    averaged = trained(data, average_epochs=3)
    for name, parameter in averaged.named_parameters():
        mean = torch.stack([weights[name] for weights in ends.values()]).mean(0)
        torch.testing.assert_close(parameter, mean)


def test_estimated_norms_are_the_mean_over_batches():
    norm = nn.BatchNorm1d(3)
    some = [torch.randn(20, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    estimate_norms(norm, some)
    torch.testing.assert_close(norm.running_mean, torch.stack([x.mean(0) for x in some]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([x.var(0) for x in some]).mean(0))
    assert norm.momentum == 0.1
    assert norm.training, "the mode that it was in"


# steps


def test_the_hook_runs_before_each_step_and_sees_gradients(data):
    seen = []

    def note(network, step, steps):
        assert all(parameter.grad is not None for parameter in network.parameters())
        seen.append((step, steps))

    trained(data, before_step=note)
    assert seen == [(step, 12) for step in range(12)]


def test_what_the_hook_changes_counts(data):
    def freeze(network, step, steps):
        for parameter in network.parameters():
            parameter.grad.zero_()

    before = dict(tiny.network().named_parameters())
    for name, parameter in trained(data, before_step=freeze).named_parameters():
        torch.testing.assert_close(parameter, before[name])


def test_clipped_gradients_have_the_norm_of_the_plan(data):
    norms = []

    def note(network, step, steps):
        norms.append(torch.stack([p.grad.norm() for p in network.parameters()]).norm().item())

    trained(data, before_step=note)
    limit = sorted(norms)[len(norms) // 2]
    norms.clear()
    trained(data, clip_norm=limit, before_step=note)
    assert max(norms) == pytest.approx(limit, rel=1e-4)


def test_bfloat16_changes_the_numbers_a_little(data):
    wide, narrow = [], []
    trained(data, on_epoch=lambda report: wide.append(report.loss))
    trained(data, precision="bfloat16", on_epoch=lambda report: narrow.append(report.loss))
    assert wide != narrow
    assert narrow == pytest.approx(wide, rel=0.3)
    assert all(p.dtype == torch.float32 for p in trained(data, precision="bfloat16").parameters())


def test_recomputing_changes_memory_not_numbers(data):
    kept, again = trained(data), trained(data, recompute=True)
    for one, two in zip(kept.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-5, atol=1e-6)


def test_bfloat16_gradients_leave_the_first_loss_as_it_is(data):
    losses = {"float32": [], "bfloat16_gradient": []}
    for precision, seen in losses.items():
        network = tiny.network(channels=(16, 16), sensor=tiny.SENSOR)
        plan = TrainingPlan(epochs=3, batch_size=8, learning_rate=1e-3, precision=precision)
        train(network, data, plan, on_epoch=lambda report, seen=seen: seen.append(report.loss))
    assert losses["float32"][0] == losses["bfloat16_gradient"][0]  # one batch an epoch: spikes alone made it
    assert losses["bfloat16_gradient"] == pytest.approx(losses["float32"], rel=0.05)


def test_a_plan_leaves_the_callers_kernel_options_alone(data):
    network, seen = tiny.network(), []
    network.register_forward_pre_hook(lambda *_: seen.append(current().recompute))
    with options(recompute=True):
        train(network, data, TrainingPlan(**BASE))
    assert set(seen) == {True}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "options", [{}, {"average_epochs": 2}, {"validation_share": 0.25, "keep": "best"}], ids=str
)
def test_a_network_trains_where_it_stands(options, data, tmp_path):
    plan, path = TrainingPlan(**BASE | options), tmp_path / "state.safetensors"

    def kill(report):
        if report.epoch == 3:
            raise Killed

    whole, killed = tiny.network().cuda(), tiny.network().cuda()
    train(whole, data, plan)
    with pytest.raises(Killed):
        train(killed, data, plan, checkpoint=path, on_epoch=kill)
    train(killed, data, plan, checkpoint=path)
    for one, two in zip(whole.parameters(), killed.parameters(), strict=True):
        assert one.is_cuda
        torch.testing.assert_close(two, one)
    assert 0 <= evaluate(whole, data.test_frames, data.test_labels) <= 1


def test_seeds_are_trainings_of_their_own(data, tmp_path):
    plan = TrainingPlan(**BASE)
    results = train_seeds(tiny_network_of_the_global_seed, data, plan, (3, 5), folder=tmp_path)
    assert [result.seed for result in results] == [3, 5]
    alone = tiny.network(5)
    train(alone, data, plan, seed=5)
    assert state_bytes(results[1].network) == state_bytes(alone)
    assert state_bytes(results[0].network) != state_bytes(alone)
    assert results[1].accuracy == evaluate(alone, data.test_frames, data.test_labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seed-3.safetensors", "seed-5.safetensors"]


def tiny_network_of_the_global_seed():
    return tiny.network(torch.initial_seed())


# health


def test_a_silent_layer_is_named_once(data):
    network = tiny.network()
    network.features[0].neuron.v_threshold = 1e9
    with pytest.warns(SilentLayerWarning) as warned:
        train(network, data, TrainingPlan(**BASE))
    texts = [str(warning.message) for warning in warned]
    cure = "Lower its v_threshold, scale its weights up, or put a batch norm before it."
    first = "training, epoch 1, layer 'features.0.neuron': got no spike for 8 samples; expected some spikes."
    assert texts[0] == f"{first} {cure}"
    assert len({re.search("layer '(.*?)'", text)[1] for text in texts}) == len(texts)


def silent():
    network = tiny.network()
    network.features[0].neuron.v_threshold = 1e9
    return network


def test_every_training_is_told_of_its_own_silence(data):
    """Python's own filter drops a text it has shown; ours are shown again, at the line that trains."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(2):
            train(silent(), data, TrainingPlan(**BASE))
    first = [warning for warning in shown if "layer 'features.0.neuron'" in str(warning.message)]
    assert len(first) == 2
    assert {Path(warning.filename).name for warning in first} == {Path(__file__).name}


def test_whoever_listens_for_silence_is_told_instead(data):
    told = []
    train(silent(), data, TrainingPlan(**BASE), on_silence=told.append)
    assert told[0].where == "training, epoch 1, layer 'features.0.neuron'"
    assert len({problem.where for problem in told}) == len(told)


def test_looking_for_silence_keeps_blocks_fused(data):
    network, frames = tiny.network(), torch.from_numpy(data.train_frames).float()
    assert silent_layers(network, [frames]) == ()
    ways = {block.decision.way for block in (network.features[0], network.readout[0])}
    network(frames)
    assert ways == {block.decision.way for block in (network.features[0], network.readout[0])}


def test_looking_for_silence_changes_nothing(data, monkeypatch):
    watched = trained(data)
    monkeypatch.setattr("spareto.training.run.silent_layers", lambda network, batches, run: ())
    assert state_bytes(trained(data)) == state_bytes(watched)


class Exploding(nn.Module):
    """A network whose second layer is given infinity times zero; its neurons hide it if there are any."""

    def __init__(self, after):
        super().__init__()
        self.first, self.second, self.after = nn.Linear(72, 4), nn.Linear(4, 2), after

    def forward(self, frames):
        return self.after(self.second(self.first(frames.flatten(2)) * torch.inf * 0)).mean(0)


@pytest.mark.parametrize(
    ("after", "where", "got"),
    [
        (nn.Identity(), "epoch 1, step 1", "a loss of nan, first in layer 'second', its output"),
        (LIF(), "epoch 1", "nan or infinity in layer 'first', its weight"),
    ],
    ids=["loss", "weights"],
)
def test_the_first_layer_without_finite_numbers_is_named(after, where, got, data):
    with pytest.raises(TrainingError) as error:
        train(Exploding(after), data, TrainingPlan(**BASE))
    cure = "Lower training.learning_rate (now 0.02)."
    assert str(error.value) == f"training, {where}: got {got}; expected a finite number. {cure}"


def test_a_broken_weight_is_named_before_what_follows_from_it():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    nn.init.constant_(network[1].bias, float("nan"))
    assert first_non_finite(network, torch.zeros(1, 2)) == "layer '1', its bias"
