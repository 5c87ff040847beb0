"""Wider networks answer as before, equal channels become one, and a squeezed network holds its budget."""

import math

import pytest
import torch
from torch import nn

import tiny
from spareto import kernels, networks
from spareto.compression import bake, compress, compression_report
from spareto.compression.following import follow
from spareto.compression.widening import cut_to, merge_duplicates, scales_of, squeeze, widen
from spareto.core.errors import ConfigError
from spareto.hardware import workload_bops
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons.lif import LIF
from spareto.profiling import profile
from spareto.records import QuantizeStep, Recipe

BINARY = Recipe(steps=(QuantizeStep(quantizer="sign", bits=1, granularity="per_channel"),))


def spiking(channels=(6, 8), **options):
    """A network whose batch norms are not at their start values."""
    torch.manual_seed(0)
    made = networks.build("conv", sensor=(2, 12, 12), classes=3, channels=channels, votes=2, **options)
    for module in made.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.weight, 0.5, 3.0)
            nn.init.normal_(module.bias)
    return made.eval()


def binary():
    """The same with signs for weights, as plain tensors."""
    network = compress(spiking(), BINARY).eval()
    bake(network)
    return network


def frames(batch=4):
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(5, batch, 2, 12, 12, generator=generator) < 0.3).float()


def shapes(network):
    return [layer.shape for layer in compression_report(network)]


@pytest.mark.parametrize("hidden", [(), (20,)])
@pytest.mark.parametrize("multiplier", [1, 1.25, 2, 3])
def test_a_wider_network_answers_as_before(hidden, multiplier):
    narrow = spiking(hidden=hidden)
    wide = widen(narrow, multiplier, frames())
    expected = narrow(frames())
    assert expected.any(), "a silent network would prove nothing"
    torch.testing.assert_close(wide(frames()), expected, atol=1e-6, rtol=0)
    before, after = shapes(narrow), shapes(wide)
    assert [new[0] for new in after[:-1]] == [int(multiplier * old[0] + 0.5) for old in before[:-1]]
    assert after[-1][0] == before[-1][0]
    assert after[0][1:] == before[0][1:]


def test_a_network_of_another_framework_widens():
    snntorch = pytest.importorskip("snntorch")
    torch.manual_seed(0)
    leaky = {"beta": 0.9, "init_hidden": True}
    layers = (nn.Linear(30, 12), snntorch.Leaky(**leaky), nn.Linear(12, 4), snntorch.Leaky(**leaky))
    narrow = nn.Sequential(*layers).eval()
    example = torch.rand(3, 30)
    wide = widen(narrow, 3, example)
    assert shapes(wide) == [(36, 30), (4, 36)]


def test_noise_falls_on_the_copies_alone_and_follows_the_seed():
    narrow = spiking()
    one, same, other = (widen(narrow, 2, frames(), noise=0.1, seed=seed) for seed in (3, 3, 4))
    plain = widen(narrow, 2, frames())
    weights = [network.features[0].conv.weight for network in (one, same, other, plain)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(weights[0][:6], weights[3][:6])
    spread = (weights[0] - weights[3])[6:].std() / narrow.features[0].conv.weight.std()
    assert 0.07 < spread < 0.13


class ChannelsLast(nn.Module):
    """Flattens pixel by pixel, so that a channel's elements do not lie together."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(2, 3, 3), nn.Linear(48, 2)

    def forward(self, x):
        return self.out(self.conv(x).permute(0, 2, 3, 1).flatten(1))


@pytest.mark.parametrize(
    ("network", "multiplier", "example", "words"),
    [
        (spiking(), 0.5, frames(), "multiplier: got 0.5; expected a number from 1 to 64"),
        (compress(spiking(), BINARY), 2, frames(), "Widen first, then compress"),
        (ChannelsLast(), 2, torch.rand(2, 2, 6, 6), "layer 'conv': got channels that reach 'out' in another"),
    ],
    ids=["narrower", "compressed", "interleaved"],
)
def test_what_cannot_be_widened_is_refused_by_name(network, multiplier, example, words):
    with pytest.raises(ConfigError, match=words):
        widen(network, multiplier, example)


def test_channels_that_were_copied_are_one_again():
    for narrow in (spiking(hidden=(20,)), binary()):
        merged = merge_duplicates(widen(narrow, 3, frames()), frames())
        assert shapes(merged) == shapes(narrow)
        torch.testing.assert_close(merged(frames()), narrow(frames()), atol=1e-6, rtol=0)


def test_one_duplicated_binary_channel_is_cut_and_its_outgoing_weight_folded():
    network = binary()
    conv, norm, reader = network.features[0].conv, network.features[0].norm, network.features[1].conv
    with torch.no_grad():
        for tensor in (conv.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor[4] = tensor[1]
    expected, kept = network(frames()), reader.weight[:, 1] + reader.weight[:, 4]
    merged = merge_duplicates(network, frames())
    assert shapes(merged)[0][0] == 5
    torch.testing.assert_close(merged.features[1].conv.weight[:, 1], kept)
    torch.testing.assert_close(merged(frames()), expected, atol=1e-6, rtol=0)
    assert shapes(network)[0][0] == 6, "the caller's network stays"


def test_channels_that_differ_in_anything_stay():
    network = binary()
    with torch.no_grad():
        network.features[0].conv.weight[4] = network.features[0].conv.weight[1]
    assert shapes(merge_duplicates(network, frames())) == shapes(network)


def test_quantized_readers_cannot_hold_a_sum():
    with pytest.raises(ConfigError, match=r"Call spareto\.bake on a copy first"):
        merge_duplicates(compress(spiking(), BINARY), frames())


def distances(width, angle, draws=400):
    """Share of neurons behind random signs of weights that tell two vectors apart, one a draw."""
    torch.manual_seed(0)
    pair = torch.zeros(1, 2, 16)
    pair[0, 0, 0], pair[0, 1, 0], pair[0, 1, 1] = 1.0, math.cos(angle), math.sin(angle)
    layer = SpikingDense(nn.Linear(16, width * draws, bias=False), LIF(beta=0.0, v_threshold=0.0))
    nn.init.normal_(layer.linear.weight)
    with torch.no_grad():
        fired = kernels.dense(layer(pair))[0].view(2, draws, width)
    return (fired[0] != fired[1]).float().mean(1)


@pytest.mark.parametrize("angle", [0.3, 1.0, 2.2])
def test_binary_features_keep_angles_and_the_wider_the_better(angle):
    """The expected share is the angle by pi, its variance p (1 - p) / width: it falls with the multiplier."""
    share, widths = angle / math.pi, [16 * multiplier for multiplier in (1, 2, 4, 8)]
    spreads = []
    for width in widths:
        found = distances(width, angle)
        variance = share * (1 - share) / width
        assert abs(float(found.mean()) - share) < 4 * (variance / len(found)) ** 0.5
        assert float(found.var()) == pytest.approx(variance, rel=0.25)
        spreads.append(float(found.var()))
    assert spreads == sorted(spreads, reverse=True)


def bops(network):
    return workload_bops(profile(network, frames(), layout="time-first").workload)


def test_a_squeezed_network_holds_its_budget_and_lost_as_little_as_it_takes():
    network = compress(widen(spiking(), 2, frames(), noise=0.1), BINARY).eval()
    whole = bops(network)
    for share in (1.0, 0.7, 0.3, 0.1):
        small = squeeze(network, frames(), bops, share * whole)
        assert bops(small) <= share * whole
        lost = sum(a[0] - b[0] for a, b in zip(shapes(network), shapes(small), strict=True))
        seen = follow(network, lambda: network(frames()))
        if lost:
            larger = cut_to(network, seen, scales_of(network, seen), lost - 1)
            assert bops(larger) > share * whole
        assert small(frames()).isfinite().all()


def test_the_smallest_scales_go_first():
    network = spiking()
    scales = network.features[0].norm.weight
    with torch.no_grad():
        scales[2], scales[5] = -0.01, 0.02
    seen = follow(network, lambda: network(frames()))
    small = cut_to(network, seen, scales_of(network, seen), 2)
    assert torch.equal(small.features[0].norm.weight, scales[[0, 1, 3, 4]])


def test_how_large_the_scales_of_a_layer_are_does_not_matter():
    network = compress(widen(spiking(), 2, frames(), noise=0.1), BINARY).eval()
    seen = follow(network, lambda: network(frames()))
    before = scales_of(network, seen)
    kept = shapes(cut_to(network, seen, before, 10))
    with torch.no_grad():
        network.features[1].norm.weight.mul_(2.0**-10)
    after = scales_of(network, seen)
    assert all(torch.equal(after[name], scale) for name, scale in before.items())
    assert shapes(cut_to(network, seen, after, 10)) == kept


def test_scales_that_are_all_zero_are_equal():
    network = spiking()
    with torch.no_grad():
        network.features[0].norm.weight.zero_()
    found = scales_of(network, follow(network, lambda: network(frames())))
    assert all(scale.isfinite().all() for scale in found.values())


def test_what_cannot_be_squeezed_is_refused_by_name():
    with pytest.raises(ConfigError, match="what one channel a hidden layer takes"):
        squeeze(spiking(), frames(), bops, 1.0)
    bare = tiny.spiking_dense().eval()
    example = torch.rand(3, 2, 2, 6, 6)
    seen = follow(bare, lambda: bare(example))
    with pytest.raises(ConfigError, match="layer '1': got no batch norm behind it"):
        scales_of(bare, seen)
