"""Average pooling inside the fused block: shares of spikes, to the bit torch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spareto import kernels
from spareto.kernels import spikes
from spareto.kernels.c_layers import BlockShape, average, block_backward, padded
from spareto.layers._pooling import PoolingWindow, window
from spareto.layers.spiking_block import SpikingBlock
from spareto.neurons import registry as neurons
from spareto.neurons.lif import LIF
from spareto.testing import layers as laws

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here")
QUICK = settings(max_examples=40, deadline=None, derandomize=True)
NEURONS = {
    "lif": {},
    "plif": {},
    "alif": {},
    "lif delayed": {"reset": "subtract_delayed"},
}


def events(*shape, density=0.3):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(0)) < density).float()


def block(pool, *, channels=3, outputs=20, norm=True, neuron=None):
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, outputs, 3, padding=1, bias=not norm)
    nn.init.normal_(conv.weight, 0.05, 2.0 / (channels * 9) ** 0.5)
    return SpikingBlock(conv, nn.BatchNorm2d(outputs) if norm else None, neuron or LIF(), pool)


@given(
    *(st.integers(1, 3), st.integers(1, 140), st.integers(1, 4), st.integers(1, 4)),
    *(st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.0, 0.3, 1.0])),
)
@QUICK
def test_averages_are_torchs_to_the_bit(images, channels, height, width, high, wide, density):
    x = events(1, images, channels, high * height, wide * width, density=density)
    shape = BlockShape(
        *(1, images, high * height, wide * width, padded(channels), channels, 1, 1, height, width)
    )
    found = average(spikes.pack(x).bits, shape)
    expected = nn.functional.avg_pool2d(x[0], (height, width))
    assert torch.equal(found.permute(0, 3, 1, 2), expected)
    if density == 1.0:
        assert torch.equal(found, torch.ones_like(found))


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.AvgPool2d((3, 2)), nn.AdaptiveAvgPool2d(1)])
def test_a_block_that_always_fires_averages_to_one(pool):
    layer = block(pool, norm=False)
    nn.init.zeros_(layer.conv.weight)
    nn.init.constant_(layer.conv.bias, 100.0)
    out = layer(events(4, 2, 3, 7, 8))
    assert layer.decision.way == "events"
    assert torch.equal(out, torch.ones_like(out))


def test_every_pixel_of_a_window_gets_its_share_of_the_gradient():
    g = torch.randn(6, 5, 3, 2)
    shape = BlockShape(3, 2, 7, 9, 16, 5, 1, 1, 2, 4)
    y = torch.ones(6, 7, 9, 16)  # just at the threshold: the surrogate's derivative is its height
    dynamics = LIF(1.0).dynamics()
    a, b = torch.ones(16), torch.zeros(16)
    dz, _, _ = block_backward(
        *(y, a, b, dynamics.coefficients(), g.permute(0, 2, 3, 1)),
        *(shape, int(dynamics.flags), dynamics.surrogate, False),
    )
    shares = nn.functional.interpolate(g / 8, scale_factor=(2, 4)).permute(0, 2, 3, 1)
    expected = torch.zeros_like(dz)
    expected[:, :6, :8, :5] = shares * dynamics.height
    torch.testing.assert_close(dz, expected)
    torch.testing.assert_close(dz.sum() / dynamics.height, g.sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("norm", [True, False], ids=["batch norm", "bias"])
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.AvgPool2d((3, 2)), nn.AdaptiveAvgPool2d(1)])
def test_a_block_with_average_pooling_is_its_reference(monkeypatch, pool, name, norm, training):
    monkeypatch.setattr("spareto.kernels.fused.SMALL", 0)
    neuron = neurons.make(name.split()[0], **NEURONS[name])
    network = nn.Sequential(block(pool, norm=norm, neuron=neuron), block(None, channels=20, outputs=3))
    checked = 0
    for time, recompute in ((1, False), (4, True), (4, False)):
        sequence = events(time, 2, 3, 7, 9)
        network.train()(sequence)
        network.train(training)
        if laws.decided_by_rounding(network, sequence):
            continue
        laws.check_fused(network, sequence, recompute=recompute)
        checked += 1
    assert checked
    assert [layer.decision.way for layer in network] == ["events", "dense"]


def test_a_large_first_layer_averages_chunk_by_chunk(monkeypatch):
    network = block(nn.AvgPool2d(3))
    sequence = events(4, 5, 3, 9, 11)
    network(sequence)
    monkeypatch.setattr("spareto.kernels.chunked.LARGE", 2 * 4 * 4 * 9 * 11 * 32)  # two samples
    assert not laws.decided_by_rounding(network, sequence)
    for recompute in (False, True):
        laws.check_fused(network, sequence, recompute=recompute)


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (None, PoolingWindow()),
        (nn.Identity(), PoolingWindow()),
        (nn.MaxPool2d(2), PoolingWindow(2, 2)),
        (nn.MaxPool2d((2, 3)), PoolingWindow(2, 3)),
        (nn.MaxPool2d((2,)), PoolingWindow(2, 2)),
        (nn.MaxPool2d(2, ceil_mode=True), None),
        (nn.MaxPool2d(2, dilation=2), None),
        (nn.MaxPool2d(3, stride=2), None),
        (nn.MaxPool2d(9), None),
        (nn.AvgPool2d(2), PoolingWindow(1, 1, 2, 2)),
        (nn.AvgPool2d((3, 2)), PoolingWindow(1, 1, 3, 2)),
        (nn.AvgPool2d(3, stride=2), None),
        (nn.AvgPool2d(2, padding=1), None),
        (nn.AvgPool2d(2, ceil_mode=True), None),
        (nn.AvgPool2d(2, divisor_override=3), None),
        (nn.AdaptiveAvgPool2d(1), PoolingWindow(1, 1, 8, 5)),
        (nn.AdaptiveAvgPool2d((1, 1)), PoolingWindow(1, 1, 8, 5)),
        (nn.AdaptiveAvgPool2d((1, None)), None),
        (nn.AdaptiveMaxPool2d(1), None),
    ],
)
def test_which_poolings_the_kernels_do(pool, expected):
    assert window(pool, 8, 5) == expected
