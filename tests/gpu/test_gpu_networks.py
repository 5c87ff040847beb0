"""Layers, networks and training on a GPU give what they give on the CPU."""

import inspect
from copy import deepcopy

import pytest
import torch
from torch import nn

import tiny
from devices import DEVICE, exact_products, skip_without_device
from spareto import recipes
from spareto.compression import compress
from spareto.kernels import dense
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.networks import build, names, registry
from spareto.neurons.lif import LIF
from spareto.profiling import profile
from spareto.records import TrainingPlan
from spareto.testing import networks as laws
from spareto.training import train

skip_without_device()
GPU = DEVICE.startswith("cuda")
SENSOR, TIMESTEPS, CLASSES = (2, 32, 32), 4, 3


@pytest.fixture(autouse=True)
def full_float32():
    with exact_products():
        yield


def frames(*shape, density=0.3):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(0)) < density).float()


@pytest.fixture(params=names())
def network(request):
    timed = "timesteps" in inspect.signature(registry.get(request.param)).parameters
    torch.manual_seed(0)
    return build(request.param, sensor=SENSOR, classes=CLASSES, **({"timesteps": TIMESTEPS} if timed else {}))


def block():
    torch.manual_seed(0)
    layer = SpikingBlock(nn.Conv2d(2, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), LIF(), nn.MaxPool2d(2))
    return layer, frames(TIMESTEPS, 3, 2, 9, 7)


def connections():
    torch.manual_seed(0)
    return SpikingDense(nn.Linear(24, 5), LIF(), nn.BatchNorm1d(5)), frames(TIMESTEPS, 3, 24)


@pytest.mark.parametrize("make", [block, connections])
def test_layers_take_the_reference_and_say_why(make):
    layer, sequence = make()
    there = deepcopy(layer).to(DEVICE)
    fired = dense(there(sequence.to(DEVICE)))
    assert fired.device.type == torch.device(DEVICE).type
    apart = (fired.cpu() != dense(layer(sequence))).float().mean()
    assert apart < 0.01, "sums are added in another order: a neuron at its threshold may change, not more"
    if GPU:
        assert (there.decision.way, there.decision.why) == (
            "reference",
            f"weights are torch.float32 on {torch.device(DEVICE).type}",
        )


def test_networks_learn(network):
    there = network.to(DEVICE)
    sequence = frames(TIMESTEPS, 3, *SENSOR).to(DEVICE)
    laws.check_learns(there, sequence)
    laws.check_rates(there, sequence, CLASSES)
    laws.check_batch_independent(there, sequence)


def test_networks_give_the_rates_of_the_cpu(network):
    sequence = frames(TIMESTEPS, 3, *SENSOR)
    with torch.no_grad():
        here = network.eval()(sequence)
        there = network.to(DEVICE)(sequence.to(DEVICE)).cpu()
    assert float((here - there).abs().mean()) < 1e-3


def test_networks_under_autocast(network):
    sequence = frames(TIMESTEPS, 3, *SENSOR).to(DEVICE)
    network = network.to(DEVICE).train()
    with torch.autocast(torch.device(DEVICE).type, dtype=torch.bfloat16):
        rates = network(sequence)
    rates.float().sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in network.parameters() if p.grad is not None)


def losses(device, network, plan):
    found = []
    train(
        network.to(device), tiny.frame_data(), TrainingPlan.parse(plan, "plan"),
        seed=3, on_epoch=lambda report: found.append(report.loss),
    )  # fmt: skip
    return found


PLANS = {
    "plain": {"epochs": 2, "batch_size": 4, "learning_rate": 0.02},
    "held out, averaged": {"epochs": 2, "batch_size": 3, "learning_rate": 0.02, "average_epochs": 2},
    "best": {"epochs": 2, "batch_size": 3, "learning_rate": 0.02, "validation_share": 0.25, "keep": "best"},
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_training_goes_as_on_the_cpu(plan):
    here, there = (losses(device, tiny.network(), plan) for device in ("cpu", DEVICE))
    assert there == pytest.approx(here, rel=1e-3)


def test_training_in_bfloat16():
    assert all(
        loss > 0 for loss in losses(DEVICE, tiny.network(), PLANS["plain"] | {"precision": "bfloat16"})
    )


def test_a_checkpoint_goes_on_where_it_stopped(tmp_path):
    plan, data = TrainingPlan.parse(PLANS["plain"], "plan"), tiny.frame_data()
    whole = tiny.network().to(DEVICE)
    train(whole, data, plan, seed=3)
    stop = RuntimeError("stopped")

    def stopping(_report):
        raise stop

    with pytest.raises(RuntimeError, match="stopped"):
        train(tiny.network().to(DEVICE), data, plan, seed=3, checkpoint=tmp_path / "c", on_epoch=stopping)
    resumed = tiny.network().to(DEVICE)
    train(resumed, data, plan, seed=3, checkpoint=tmp_path / "c")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_compression_and_profile():
    data = tiny.frame_data()
    small = compress(tiny.network().to(DEVICE), recipes.joint(bits=4, sparsity=0.5))
    train(small, data, TrainingPlan.parse(PLANS["plain"], "plan"))
    there = profile(small, data.test_frames, data.test_labels)
    here = profile(deepcopy(small).cpu(), data.test_frames, data.test_labels)
    assert there.accuracy == pytest.approx(here.accuracy, abs=0.13)
    assert [layer.name for layer in there.workload.layers] == [layer.name for layer in here.workload.layers]
