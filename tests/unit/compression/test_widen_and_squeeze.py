"""From a trained network to a small binary one: what a plain compression is to the bit, and what is kept."""

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from spareto.compression import compress, compress_and_train
from spareto.compression.widening import widen, widen_and_squeeze
from spareto.compression.widening.features import HOLDER, FeatureLoss, feature_names
from spareto.compression.widening.run import _pull
from spareto.core.errors import ConfigError, StoreError
from spareto.records import PruneStep, QuantizeStep, Recipe, TrainingPlan
from spareto.records.widening import Budget, WideningPlan
from spareto.running import Runner, samples_of
from spareto.testing.steps import state_bytes
from spareto.training import train

TRAINING = TrainingPlan(epochs=2, batch_size=3, learning_rate=0.02)
SIGN = QuantizeStep(quantizer="sign", bits=1, granularity="per_channel")
BINARY = Recipe(steps=(SIGN,), training=TRAINING)
PLAN = WideningPlan(recipe=BINARY, fine_tuning=TRAINING, scale_l1=1e-3, budget=Budget(at_most=60_000.0))


class Killed(Exception):  # noqa: N818 - not an error
    pass


def network():
    return tiny.network(channels=(3, 4), hidden=(5,), neuron={"name": "lif", "v_threshold": 0.3}).eval()


def example(data):
    return torch.from_numpy(data.train_frames[:, :2]).float()


def test_without_width_features_and_budget_it_is_the_binary_baseline_to_the_bit():
    data = tiny.frame_data()
    plain = compress_and_train(network(), BINARY, data, seed=3)
    plan = WideningPlan(multiplier=1.0, recipe=BINARY, feature_weight=0.0, scale_l1=0.0)
    made = widen_and_squeeze(network(), plan, data, seed=3)
    assert state_bytes(made.network) == state_bytes(plain)
    assert len(made.rounds) == 1


def test_the_budget_holds_and_the_trained_network_stays():
    data, teacher = tiny.frame_data(), network()
    before = state_bytes(teacher)
    made = widen_and_squeeze(teacher, PLAN.replace(rounds=2), data)
    first, middle, last = made.rounds
    assert state_bytes(teacher) == before
    assert first.channels["features.0.conv"] == 6
    assert first.amount > 60_000 >= last.amount
    assert last.allowed == 60_000
    assert middle.allowed == pytest.approx((first.amount * 60_000) ** 0.5)
    assert not any(HOLDER in name for name, _ in made.network.named_modules())
    assert not any(
        module._forward_hooks for module in made.network.modules() if "Spiking" in str(type(module))
    )
    assert made.network(example(data)).isfinite().all()


def test_an_energy_budget_holds_after_training_too():
    data = tiny.frame_data()
    free = widen_and_squeeze(network(), PLAN.replace(budget=Budget(metric="energy", at_most=1e9)), data)
    most = 0.6 * free.rounds[0].amount
    made = widen_and_squeeze(network(), PLAN.replace(budget=Budget(metric="energy", at_most=most)), data)
    assert len(free.rounds) == 1
    assert made.rounds[-1].amount <= most


@pytest.mark.parametrize("killed", range(1, 5))
def test_a_killed_run_ends_with_the_same_bits(killed, tmp_path):
    data, done = tiny.frame_data(), []

    def kill(report):
        done.append(report)
        if len(done) == killed:
            raise Killed

    whole = widen_and_squeeze(network(), PLAN, data)
    with pytest.raises(Killed):
        widen_and_squeeze(network(), PLAN, data, checkpoint=tmp_path / "run.safetensors", on_epoch=kill)
    again = widen_and_squeeze(network(), PLAN, data, checkpoint=tmp_path / "run.safetensors")
    assert state_bytes(again.network) == state_bytes(whole.network)
    assert again.rounds == whole.rounds


@pytest.mark.parametrize(
    "other", [{"feature_weight": 2.0}, {"noise": 0.3}, {"scale_l1": 2e-3}, {"budget": Budget(at_most=5e4)}]
)
def test_a_checkpoint_of_another_plan_is_refused(other, tmp_path):
    data, path = tiny.frame_data(), tmp_path / "run.safetensors"
    widen_and_squeeze(network(), PLAN, data, checkpoint=path)
    with pytest.raises(StoreError, match="another"):
        widen_and_squeeze(network(), PLAN.replace(**other), data, checkpoint=path)


def test_a_checkpoint_of_another_trained_network_is_refused(tmp_path):
    data, path, other = tiny.frame_data(), tmp_path / "run.safetensors", network()
    widen_and_squeeze(network(), PLAN, data, checkpoint=path)
    with torch.no_grad():
        next(other.parameters()).mul_(1.5)
    with pytest.raises(StoreError, match="another"):
        widen_and_squeeze(other, PLAN, data, checkpoint=path)


def loss_of(teacher, names, data, weight=1.0):
    frames = torch.from_numpy(data.train_frames)
    return FeatureLoss(Runner(teacher, samples_of(frames, data.train_labels)), names, weight)


def test_features_of_an_undisturbed_wide_copy_are_at_no_distance():
    data, teacher = tiny.frame_data(), network()
    wide, frames = widen(teacher, 3, example(data)), example(data)
    loss = loss_of(teacher, feature_names(teacher, ()), data)
    with loss.following(wide, frames):
        wide.train()
        for module in wide.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        wide(frames)
        assert loss(wide, frames).item() < 1e-12


def test_the_distance_is_the_mean_square_of_projected_minus_trained_features():
    data, teacher, frames = tiny.frame_data(), network(), example(tiny.frame_data())
    wide = widen(teacher, 2, frames, noise=2.0)
    loss = loss_of(teacher, ("features.0",), data, weight=0.5)
    with loss.following(wide, frames):
        matrix = wide.get_parameter(f"{HOLDER}_features_0")
        nn.init.normal_(matrix)
        wide.train()
        wide(frames)
        found = loss(wide, frames)
        found.backward()
        with torch.no_grad():
            assert matrix.grad.abs().sum() > 0
            assert wide.features[0].conv.weight.grad.abs().sum() > 0
            features = [each.features[0](frames).dense().mean(0) for each in (wide.train(), teacher)]
            projected = nn.functional.conv2d(features[0], matrix[..., None, None])
            expected = 0.5 * (projected - features[1]).square().mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_network_of_another_framework_follows_named_layers():
    snntorch = pytest.importorskip("snntorch")
    torch.manual_seed(0)
    leaky = {"beta": 0.9, "init_hidden": True}
    layers = (nn.Flatten(), nn.Linear(72, 8), nn.BatchNorm1d(8), snntorch.Leaky(**leaky), nn.Linear(8, 2))
    teacher, data = nn.Sequential(*layers, snntorch.Leaky(**leaky)), tiny.frame_data()
    plan = PLAN.replace(features=("3",), budget=Budget(at_most=9_000.0))
    made = widen_and_squeeze(teacher, plan, data, vote="mean", time="calls")
    assert made.rounds[0].channels["1"] == 16
    assert made.rounds[-1].amount <= 9_000
    with pytest.raises(ConfigError, match="got no two spiking layers of spareto"):
        widen_and_squeeze(teacher, PLAN, data, vote="mean", time="calls")


def test_scales_are_drawn_to_zero_by_their_sign():
    wide = network()
    norm = wide.features[0].norm
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -1.0, 0.0]))
    norm.weight.grad = torch.ones(3)
    _pull(["features.0.norm"], 0.25, wide, 0, 1)
    assert norm.weight.grad.tolist() == [1.25, 0.75, 1.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": Recipe(steps=(PruneStep(sparsity=0.5, start=0.5),))}, r"steps\[0\]\.start: got 0.5"),
        ({"features": ("features.7",)}, r"plan\.features\[0\]: got 'features.7'"),
        ({"budget": Budget(at_most=1.0)}, "what one channel a hidden layer takes"),
    ],
    ids=["later", "unknown", "small"],
)
def test_what_does_not_fit_is_refused_by_name(changes, words):
    with pytest.raises(ConfigError, match=words):
        widen_and_squeeze(network(), PLAN.replace(**changes), tiny.frame_data())


def test_an_extra_loss_changes_the_training_and_is_part_of_what_is_told():
    told, sizes = [], []
    for extra in (None, lambda network, frames: network.features[0].conv.weight.square().sum()):
        made = network()
        train(made, tiny.frame_data(), TRAINING, extra_loss=extra, on_epoch=told.append)
        sizes.append(made.features[0].conv.weight.square().sum().item())
    assert told[2].loss > told[0].loss
    assert sizes[1] < sizes[0]


def test_a_plan_comes_back_from_its_data():
    assert WideningPlan.parse(PLAN.to_dict(), "plan") == PLAN
    assert np.isfinite(PLAN.noise)
    assert compress(network(), PLAN.recipe) is not None
