"""Neurons that fire more than once a timestep: what a count is, and what the layers behind make of it."""

import numpy as np
import pytest
import torch
from torch import nn

from spareto.compression.neurons import round_parameters
from spareto.kernels import backend, dense
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry
from spareto.profiling import profile
from spareto.testing import neurons as laws


def currents(scale=1.0, shape=(40, 3, 17)):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-6, 12, shape, generator=generator) / 4 * scale


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("detach", [False, True])
def test_at_most_one_is_the_plain_neuron(strict, detach):
    options = {"tau": 3.0, "v_threshold": 0.7, "strict": strict, "detach_reset": detach}
    one = registry.make("multi_spike", neuron="lif", most=1, **options)
    plain = registry.make("lif", reset="subtract", **options)
    assert torch.equal(one(currents(2.0)), plain(currents(2.0)))
    grads = [laws.gradients(n, lambda x, n=n: n(x).square().sum(), currents(2.0)) for n in (one, plain)]
    torch.testing.assert_close(*(g["currents"] for g in grads), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strict", [False, True])
def test_what_goes_in_comes_out_or_stays(strict):
    """Without a leak, input = counts times threshold + what is left; the fractions here are exact."""
    neuron = registry.make("multi_spike", neuron="iaf", v_threshold=0.5, strict=strict)
    counts, left = neuron.run(currents())
    assert counts.max() > 2
    assert torch.equal(currents().sum(0), counts.sum(0) * 0.5 + left)


def test_wrappers_say_that_they_count():
    inner = registry.make("multi_spike")
    assert registry.make("quantized_state", neuron=inner).counts
    assert registry.make("recurrent", features=3, neuron=inner).counts
    assert not registry.make("quantized_state", neuron="lif").counts


def strong(neuron):
    """Two layers of it, whose first emits counts above 1."""
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 3, 3, padding=1, bias=False)
    conv.weight.data.abs_().mul_(4)
    block = SpikingBlock(conv, nn.Identity(), neuron(), nn.MaxPool2d(2))
    return block, SpikingDense(nn.Linear(12, 5), neuron())


def test_the_layer_behind_sees_numbers():
    block, layer = strong(lambda: registry.make("multi_spike", neuron="iaf"))
    frames = (torch.rand(6, 3, 2, 4, 4, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    counts = dense(block(frames))
    assert counts.max() > 1
    assert block.decision.way == "reference"
    sums = layer.linear(counts.flatten(0, 1).flatten(1)).unflatten(0, (6, 3))
    assert torch.equal(layer(counts), layer.neuron(sums))
    fused = SpikingDense(layer.linear, registry.make("lif"))
    assert torch.equal(dense(fused(counts.detach())), fused.neuron(sums))
    if backend() == "c":
        assert (fused.decision.way, fused.decision.why) == ("dense", "its input is not spikes only")


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.layer = strong(lambda: registry.make("multi_spike", neuron="iaf"))

    def forward(self, frames):
        return self.layer(self.block(frames)).mean(0)


def test_a_count_is_one_multiplication_to_the_cost_model():
    frames = (np.random.default_rng(0).random((6, 3, 2, 4, 4)) < 0.5).astype(np.uint8)
    first, second = profile(Counting(), frames, np.zeros(3, np.int64)).workload.layers
    assert (first.input.kind, first.output.kind) == ("spike", "analog")
    assert (second.input.kind, second.input.bits) == ("analog", 8)
    assert second.effectual_synops_mean == pytest.approx(5 * second.input.nonzero_mean)


def test_fixed_point_parameters_reach_the_neuron_inside():
    network = nn.Sequential(nn.Linear(3, 3), registry.make("multi_spike", neuron="lif", beta=0.9))
    round_parameters(network, 3, "here")
    assert network[1].neuron.beta == 0.875
