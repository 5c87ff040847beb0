"""Activations, errors and gradients in logarithmic numbers: rounded where they should be."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import tiny
from spareto import kernels
from spareto.core.errors import ConfigError
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry
from spareto.records import LogarithmicPlan, TrainingPlan
from spareto.training import step as stepping
from spareto.training import train
from spareto.training.logarithmic import LogarithmicLayers, rounded

BITS = (6, 8, 12)


@given(st.integers(6, 16), st.integers(0, 10_000), st.floats(1e-6, 1e6))
def test_no_number_in_range_is_off_by_more_than_half_an_exponent(bits, seed, scale):
    values = torch.randn(64, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale
    values[::7] = 0
    found, gamma = rounded(values, bits), 2 ** (bits - 1) / 16
    live = values.abs() > values.abs().max() * 2**-15.9
    off = (found[live] / values[live] - 1).abs().max()
    assert off <= 2 ** (1 / (2 * gamma)) - 1 + 1e-9
    assert torch.equal(found == 0, values == 0)
    assert torch.equal(found.sign(), values.sign())
    torch.testing.assert_close(rounded(found, bits), found)


@pytest.mark.parametrize("values", [torch.zeros(3), torch.zeros(0), torch.tensor([0.0, 1.0, 1.0])])
def test_spikes_and_nothing_stay_what_they_are(values):
    assert torch.equal(rounded(values, 8), values)


def gradients(network, frames, plan):
    network.zero_grad()
    with LogarithmicLayers(network, plan):
        rates = network(frames)
    (rates - 0.3).square().sum().backward()
    return rates.detach(), {name: p.grad.clone() for name, p in network.named_parameters()}


class Small(nn.Module):
    """A convolution with a pooling, and a dense layer that votes."""

    def __init__(self, pool):
        super().__init__()
        torch.manual_seed(0)
        pooling = nn.MaxPool2d(2) if pool == "max" else nn.AvgPool2d(2)
        norm, linear = nn.BatchNorm2d(8), nn.Linear(128, 4)
        nn.init.constant_(norm.bias, 1.0)
        nn.init.normal_(linear.weight, 0.05, 0.1)
        self.block = SpikingBlock(nn.Conv2d(2, 8, 3, padding=1), norm, registry.make("lif"), pooling)
        self.dense = SpikingDense(linear, registry.make("lif"))

    def forward(self, frames):
        return kernels.dense(self.dense(kernels.dense(self.block(frames)).flatten(2))).mean(0)


@pytest.mark.parametrize("pool", ["max", "average"])
def test_the_fused_way_rounds_what_the_reference_rounds(pool):
    network = Small(pool).train()
    frames = (torch.rand(5, 6, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    plan = LogarithmicPlan(activations=8, errors=8)
    fast = gradients(network, frames, plan)
    with kernels.reference():
        slow = gradients(network, frames, plan)
    assert torch.equal(fast[0], slow[0])
    floats = gradients(network, frames, LogarithmicPlan(gradients=8))
    moved = 0.0
    for name, grad in fast[1].items():
        error, change = (float((grad - other[1][name]).norm()) for other in (slow, floats))
        moved += change
        assert error <= 0.02 * float(slow[1][name].norm()) + 1e-5, name
    assert moved > 0, "errors of 8 bits are not those of floats"


def test_spikes_pass_and_averages_are_rounded():
    frames = (torch.rand(5, 6, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    for pool in ("max", "average"):
        block = Small(pool).eval().block
        plain = kernels.dense(block(frames))
        with LogarithmicLayers(block, LogarithmicPlan(activations=8)):
            passed = kernels.dense(block(frames))
        assert torch.equal(passed, rounded(plain, 8))
        assert torch.equal(passed, plain) == (pool == "max")


@pytest.mark.parametrize("bits", BITS)
def test_the_optimizer_sees_so_many_values_a_tensor(bits, monkeypatch):
    seen = []
    whole = stepping.round_gradients

    def look(weights, plan):
        weights = list(weights)
        whole(weights, plan)
        seen.extend(weight.grad.clone() for weight in weights)

    monkeypatch.setattr(stepping, "round_gradients", look)
    plan = TrainingPlan(epochs=1, batch_size=8, logarithmic={"gradients": bits})
    train(tiny.network(), tiny.frame_data(), plan)
    assert seen
    for grad in seen:
        size = grad[grad != 0].abs().double()
        exponent = -torch.log2(size / size.max()) * 2 ** (bits - 1) / 16
        torch.testing.assert_close(exponent, exponent.round(), atol=2e-3, rtol=0)


def test_hooks_are_gone_afterwards_and_a_training_is_repeatable():
    network = tiny.network()
    with pytest.raises(RuntimeError), LogarithmicLayers(network, LogarithmicPlan(errors=8)):
        raise RuntimeError
    assert not any(module._forward_hooks for module in network.modules())
    plan = TrainingPlan(epochs=2, batch_size=8, logarithmic={"activations": 8, "errors": 8, "gradients": 8})
    one, two = tiny.network(), tiny.network()
    for trained in (one, two):
        train(trained, tiny.frame_data(), plan)
    assert all(map(torch.equal, one.state_dict().values(), two.state_dict().values()))


@pytest.mark.parametrize("wrong", [{}, {"errors": 5}, {"errors": 17}, {"gradients": 8.0}])
def test_a_plan_without_a_width_is_refused(wrong):
    with pytest.raises(ConfigError, match="logarithmic"):
        TrainingPlan.parse({"logarithmic": wrong}, "training")


class Loop(nn.Module):
    """Neurons of another framework in a loop over time, which return their state beside the spikes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        snntorch = pytest.importorskip("snntorch")
        self.first, self.second = nn.Linear(20, 16), nn.Linear(16, 4)
        self.one, self.two = snntorch.Leaky(beta=0.8), snntorch.Leaky(beta=0.8)

    def forward(self, frames):
        one, two, votes = self.one.init_leaky(), self.two.init_leaky(), 0.0
        for frame in frames:
            spikes, one = self.one(self.first(frame), one)
            out, two = self.two(self.second(spikes), two)
            votes = votes + out
        return votes / len(frames)


def test_layers_of_another_framework_get_rounded_errors():
    network, frames = Loop(), (torch.rand(4, 6, 20) < 0.5).float() * 3
    rates, errors = gradients(network, frames, LogarithmicPlan(activations=8, errors=6))
    plain, floats = gradients(network, frames, LogarithmicPlan(gradients=8))
    assert torch.equal(rates, plain)
    change = errors["first.weight"] - floats["first.weight"]
    assert 0 < float(change.norm()) < 0.5 * float(floats["first.weight"].norm())
