"""Pruned channels are cut out, and the network answers as it did."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from spareto import networks
from spareto.compression import bake, compress, compression_report
from spareto.compression.shrinking import shrink
from spareto.core.errors import ConfigError
from spareto.profiling import profile
from spareto.quantizers import registry as quantizers
from spareto.records import LayerFilter, MembranePlan, PruneStep, QuantizeStep, Recipe
from spareto.testing.steps import state_bytes

INSIDE = LayerFilter(last=False)
CHANNELS = PruneStep(sparsity=0.4, pruner="channels")


def spiking(**options):
    """A network whose batch norms are not at their start values."""
    torch.manual_seed(0)
    made = networks.build("conv", sensor=(2, 12, 12), classes=3, channels=(6, 8), votes=2, **options)
    for module in made.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.weight, 0.5, 3.0)
            nn.init.normal_(module.bias)
    return made.eval()


def frames(batch=4):
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(5, batch, 2, 12, 12, generator=generator) < 0.3).float()


def silenced(network, **channels):
    """Zero all that leads to some channels of named layers; underscores stand for dots."""
    with torch.no_grad():
        for name, indices in channels.items():
            layer = network.get_submodule(name.replace("_", "."))
            layer.weight[indices] = 0
            if layer.bias is not None:
                layer.bias[indices] = 0
    return network


def message(network, example):
    with pytest.raises(ConfigError) as error:
        shrink(network, example)
    return str(error.value)


@pytest.mark.parametrize("hidden", [(), (20,)])
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
@pytest.mark.parametrize("sparsity", [0.0, 0.2, 0.5, 0.7])
def test_the_smaller_network_answers_as_the_masked_one(hidden, granularity, sparsity):
    prune = CHANNELS.model_copy(update={"sparsity": sparsity, "floor": 0.1})
    recipe = Recipe(steps=(prune, QuantizeStep(bits=4, granularity=granularity)), layers=INSIDE)
    masked = compress(spiking(hidden=hidden), recipe).eval()
    small = shrink(masked, frames())
    expected = masked(frames())
    assert expected.any(), "a silent network would prove nothing"
    torch.testing.assert_close(small(frames()), expected, atol=1e-6, rtol=0)
    before, after = compression_report(masked), compression_report(small)
    removed = sum(a.shape[0] - b.shape[0] for a, b in zip(before, after, strict=True))
    assert removed == int(sparsity * sum(layer.shape[0] for layer in before[:-1]) + 0.5)
    assert all(b.shape[1] <= a.shape[1] for a, b in zip(before, after, strict=True))
    assert [layer.bits for layer in after] == [layer.bits for layer in before]


def test_scales_of_arrays_move_with_the_channels_and_are_refused():
    step = QuantizeStep(bits=4, quantizer="crossbar_tile", granularity="per_channel")
    masked = compress(spiking(), Recipe(steps=(CHANNELS, step), layers=INSIDE)).eval()
    with pytest.raises(ConfigError, match="expected the same output without its silent channels"):
        shrink(masked, frames())


@pytest.mark.parametrize("name", sorted({*quantizers.names()} - {"crossbar_tile"}))
def test_every_quantizer_shrinks_along(name):
    bits = quantizers.get(name).bits_supported[-1]
    step = QuantizeStep(bits=min(bits, 4), quantizer=name, granularity="per_channel")
    masked = compress(spiking(), Recipe(steps=(CHANNELS, step), layers=INSIDE)).eval()
    torch.testing.assert_close(shrink(masked, frames())(frames()), masked(frames()), atol=1e-6, rtol=0)


EXTRAS = [
    {"fold_batch_norm": True, "bias_bits": 8},
    {"neuron_bits": 8, "membrane": MembranePlan(bits=8)},
]


@pytest.mark.parametrize("extra", EXTRAS, ids=str)
@pytest.mark.parametrize("first", ["prune", "quantize"])
def test_folded_and_fixed_point_networks_shrink(extra, first):
    steps = sorted((CHANNELS, QuantizeStep(bits=4, **extra)), key=lambda step: step.kind != first)
    masked = compress(spiking(), Recipe(steps=tuple(steps), layers=INSIDE)).eval()
    small = shrink(masked, frames())
    assert small.features[1].conv.weight.numel() < masked.features[1].conv.weight.numel()
    torch.testing.assert_close(small(frames()), masked(frames()), atol=1e-6, rtol=0)


def test_the_callers_network_stays():
    masked = compress(spiking(), Recipe(steps=(CHANNELS,), layers=INSIDE))
    before = state_bytes(masked)
    small = shrink(masked, frames())
    assert state_bytes(masked) == before
    assert small.training == masked.training


def test_the_smaller_network_trains_and_bakes():
    masked = compress(spiking(), Recipe(steps=(CHANNELS, QuantizeStep(bits=4)), layers=INSIDE))
    small = shrink(masked, frames()).train()
    optimizer = torch.optim.Adam(small.parameters(), lr=0.01)
    small(frames()).square().sum().backward()
    optimizer.step()
    small.eval()
    expected = small(frames())
    bake(small)
    assert torch.equal(small(frames()), expected)
    assert not any(parametrize.is_parametrized(module) for module in small.modules())


def test_the_smaller_network_is_profiled_with_fewer_weights_and_the_same_spikes():
    masked = compress(spiking(), Recipe(steps=(CHANNELS, QuantizeStep(bits=4)), layers=INSIDE)).eval()
    small = shrink(masked, frames())
    labels = np.arange(4) % 3
    before, after = (
        profile(network, frames().byte().numpy(), labels).workload.layers for network in (masked, small)
    )
    for large, little in zip(before, after, strict=True):
        assert little.effectual_synops_mean == large.effectual_synops_mean
        assert little.output.nonzero_mean == large.output.nonzero_mean
    assert sum(layer.weight_count for layer in after) < sum(layer.weight_count for layer in before)


def test_pruning_a_channel_silences_its_batch_norm():
    """A shift of batch norm would let a neuron fire for a channel that is gone."""
    each = CHANNELS.model_copy(update={"scope": "per_layer"})
    masked = compress(spiking(), Recipe(steps=(each,), layers=INSIDE)).train()
    conv, norm = masked.features[0].conv, masked.features[0].norm
    gone = (conv.weight.flatten(1) == 0).all(1)
    assert gone.any()
    assert not norm(conv(frames().flatten(0, 1)))[:, gone].any()


def test_a_channel_that_still_fires_is_kept():
    network = spiking()
    silenced(network, features_0_conv=[1])
    assert shrink(network, frames()).features[0].conv.out_channels == 6, "its batch norm still shifts it"
    with torch.no_grad():
        network.features[0].norm.weight[1] = network.features[0].norm.bias[1] = 0
    assert shrink(network, frames()).features[0].conv.out_channels == 5


def test_what_leaves_the_network_stays():
    plain = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4))
    small = shrink(silenced(plain, **{"0": [0, 3], "2": [1]}), torch.rand(3, 5))
    assert (small[0].out_features, small[2].in_features, small[2].out_features) == (4, 4, 4)


class PerNeuron(nn.Module):
    """A neuron with a decay for every neuron and a threshold for every channel."""

    def __init__(self, *shape):
        super().__init__()
        self.decay = nn.Parameter(torch.rand(shape))
        self.register_buffer("threshold", torch.rand(shape[0], *[1] * (len(shape) - 1)))
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, current):
        return (self.gain * self.decay * current > self.threshold).to(current)


def test_per_neuron_parameters_shrink_along():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), PerNeuron(4, 4, 4), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 5), PerNeuron(5)
    )
    network.append(nn.Linear(5, 2))
    silenced(network, **{"0": [2], "4": [0, 4]})
    small = shrink(network, torch.rand(3, 1, 6, 6))
    assert (small[1].decay.shape, small[1].threshold.shape) == ((3, 4, 4), (3, 1, 1))
    assert (small[4].weight.shape, small[5].decay.shape) == ((3, 12), (3,))
    example = torch.rand(7, 1, 6, 6)
    torch.testing.assert_close(small(example), network(example))


class Residual(nn.Module):
    def __init__(self, groups=1, **how):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, groups=groups)
        self.third, self.how = nn.Conv2d(4, 2, 1), how

    def forward(self, x):
        x = self.first(x)
        if self.how.get("add"):
            return self.third(x + self.second(x))
        if self.how.get("roll"):
            x = x.roll(1, 1)
        if self.how.get("detour"):
            x = torch.from_numpy(x.detach().numpy())
        if self.how.get("swap"):
            x = x.unflatten(0, (2, -1)).transpose(0, 1).contiguous().flatten(0, 1)
        return self.third(self.second(x).mean((2, 3), keepdim=True))


CURE = "Exclude it from channel pruning, or leave the network as it is."
IMAGE = torch.rand(2, 1, 5, 5)


def test_a_residual_sum_is_refused_by_the_names_of_its_layers():
    text = message(silenced(Residual(add=True), first=[0]), IMAGE)
    rule = "expected channels that can be followed to 'third'"
    assert text == f"layer 'first': got an output that passes through 'add'; {rule}. {CURE}"


def test_a_residual_sum_without_silent_channels_is_no_problem():
    network = Residual(add=True)
    assert torch.equal(shrink(network, IMAGE)(IMAGE), network(IMAGE))


def test_channels_in_another_order_are_refused():
    text = message(silenced(Residual(roll=True), first=[0]), IMAGE)
    rule = "expected channels that can be followed to 'second'"
    assert text == f"layer 'first': got an output that passes through 'roll'; {rule}. {CURE}"


def test_time_and_batch_may_change_places():
    network = silenced(Residual(swap=True), first=[0])
    small = shrink(network, IMAGE)
    assert small.second.in_channels == 3
    torch.testing.assert_close(small(IMAGE), network(IMAGE))


def test_groups_are_refused():
    text = message(silenced(Residual(groups=2), first=[0]), IMAGE)
    assert text == f"layer 'first': got a reader with groups, 'second'; expected one without groups. {CURE}"
    text = message(silenced(Residual(groups=2), second=[0]), IMAGE)
    rule = "expected a layer without groups, to cut channels out of it"
    assert text == f"layer 'second': got groups; {rule}. {CURE}"


def test_a_tensor_from_nowhere_is_refused():
    text = message(silenced(Residual(detour=True), first=[0]), IMAGE)
    assert text.startswith("layer 'second': got an input of unknown origin; expected ")


def test_a_neuron_that_fires_without_input_is_noticed():
    class Always(nn.Module):
        def forward(self, x):
            return (x >= 0).to(x)

    text = message(
        silenced(nn.Sequential(nn.Linear(5, 4), Always(), nn.Linear(4, 2)), **{"0": [1]}), torch.rand(3, 5)
    )
    assert text.startswith("the network: got an output that differs by ")
    assert "expected the same output without its silent channels." in text
