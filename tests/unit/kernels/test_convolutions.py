"""Grouped, depthwise, dilated and 'same' convolutions: event-driven, with a float64 convolution's sums."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spareto import kernels
from spareto.kernels import c_layers, spikes
from spareto.kernels.c_layers import ConvShape, Gradient, padded
from spareto.kernels.sums import ConvSums
from spareto.layers.spiking_block import SpikingBlock
from spareto.neurons.lif import LIF
from spareto.testing import layers as laws

pytestmark = [
    pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
]

GROUPS = {  # groups, inputs and outputs of each
    "plain": (1, 70, 20),
    "depthwise": (37, 1, 1),
    "depthwise over words": (130, 1, 1),
    "two outputs an input": (19, 1, 2),
    "narrow": (6, 3, 5),
    "over words": (5, 26, 8),
    "whole blocks": (3, 7, 16),
    "wide": (2, 35, 32),
    "too wide for the first cache": (2, 80, 5),
}
DENSITIES = (0.0, 0.02, 0.3, 1.0)


def draw(kind, seed):
    """A convolution of that kind, its input's size, and torch's arguments for it."""
    pick = random.Random(f"{kind} {seed}")
    groups, inputs, outputs = GROUPS[kind]
    kernel = pick.choice([(3, 3), (3, 3), (1, 1), (5, 5), (2, 7), (4, 3)])
    dilation = pick.choice([(1, 1), (2, 2), (1, 3)])
    stride = pick.choice([(1, 1), (1, 1), (2, 2), (3, 1)])
    padding = pick.choice([(0, 0), (1, 1), (2, 3), (9, 8)])
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [max(1, span - 2 * p) + pick.randrange(15) for span, p in zip(spans, padding, strict=True)]
    out = [(s + 2 * p - span) // t + 1 for s, p, span, t in zip(size, padding, spans, stride, strict=True)]
    shape = ConvShape(
        *(pick.randint(1, 3), *size, groups * inputs, *out, padded(groups * outputs)),
        *(*kernel, *stride, *padding, *dilation, groups),
    )
    return shape, groups * outputs, (stride, padding, dilation, groups)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", GROUPS)
def test_sums_and_gradients_are_those_of_a_float64_convolution(kind, seed):
    s, outputs, arguments = draw(kind, seed)
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(1, s.N, s.C, s.H, s.W, generator=generator) < DENSITIES[seed % 4]).float()
    packed = spikes.pack(x)
    weight = torch.randn(outputs, s.C // s.groups, s.KH, s.KW, generator=generator)
    exact_x, exact_weight = x[0].double().requires_grad_(), weight.double().requires_grad_()
    exact = F.conv2d(exact_x, exact_weight, None, *arguments)
    with_last = exact.detach().movedim(1, -1)
    y, stat = c_layers.conv_forward(packed.bits, weight, s, packed.events)
    close(y[..., :outputs], with_last)
    assert not y[..., outputs:].any()
    close(stat[:, :outputs], torch.stack([with_last.sum((0, 1, 2)), with_last.square().sum((0, 1, 2))]), 3e-6)
    gradient, dy = some_gradient(y, outputs, generator)
    dx, dw = torch.autograd.grad(exact, (exact_x, exact_weight), dy.movedim(-1, 1))
    close(c_layers.conv_weight_gradient(packed.bits, gradient, weight, s, packed.events), dw)
    close(ConvSums(s, packed.events).input_gradient(gradient, weight), dx.movedim(1, -1), 2e-6)


def some_gradient(y, outputs, generator):
    """As batch norm hands it on, and the same in float64."""
    dz = torch.randn(y.shape, generator=generator)
    dz[..., outputs:] = 0
    factors = [torch.randn(y.shape[-1], generator=generator) for _ in range(3)]
    k0, k1, k2 = (factor.double() for factor in factors)
    return Gradient(dz, y, *factors), (k0 * dz + k1 * y + k2)[..., :outputs]


def close(found, exact, tolerance=1e-6):
    error = (found.double() - exact).norm()
    assert error <= tolerance * max(float(exact.norm()), 1e-6), f"relative error {error / exact.norm():.1e}"


@pytest.mark.parametrize("kind", ["depthwise", "narrow", "wide"])
def test_any_number_of_threads_gives_the_same_sums(kind):
    groups, inputs, outputs = GROUPS[kind]
    shape = ConvShape(
        3, 11, 13, groups * inputs, 11, 13, padded(groups * outputs), 3, 3, 1, 1, 1, 1, 1, 1, groups
    )
    packed = spikes.pack((torch.rand(1, 3, shape.C, 11, 13) < 0.2).float())
    weight, dz = torch.randn(groups * outputs, inputs, 3, 3), torch.randn(3, 11, 13, shape.OC)
    found, before = [], torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        y, stat = c_layers.conv_forward(packed.bits, weight, shape, packed.events)
        dw = c_layers.conv_weight_gradient(packed.bits, Gradient(dz), weight, shape, packed.events)
        found.append((y, stat, dw))
    torch.set_num_threads(before)
    for y, stat, dw in found[1:]:
        assert torch.equal(y, found[0][0])
        torch.testing.assert_close(stat, found[0][1], rtol=1e-6, atol=1e-3)
        torch.testing.assert_close(dw, found[0][2], rtol=1e-4, atol=1e-4)


BLOCKS = {
    "grouped": (8, 12, 3, {"groups": 4, "padding": 1}),
    "depthwise": (18, 18, 3, {"groups": 18, "padding": 1}),
    "depthwise, two outputs an input": (9, 18, 5, {"groups": 9, "padding": 2}),
    "dilated": (6, 20, 3, {"dilation": 2, "padding": 2}),
    "grouped, dilated and strided": (6, 9, 3, {"groups": 3, "dilation": (1, 2), "padding": 1, "stride": 2}),
    "same": (5, 7, 3, {"padding": "same", "dilation": 2}),
    "same, more behind than before": (4, 6, (4, 2), {"padding": "same", "dilation": (1, 3), "groups": 2}),
    "valid": (5, 7, 3, {"padding": "valid"}),
}


def stack(kind):
    """An ordinary block, so that the one behind it has a gradient of its input, and that one."""
    torch.manual_seed(3)
    inputs, outputs, kernel, options = BLOCKS[kind]
    first = SpikingBlock(nn.Conv2d(2, inputs, 3, padding=1, bias=False), nn.BatchNorm2d(inputs), LIF())
    conv = nn.Conv2d(inputs, outputs, kernel, **options)
    nn.init.normal_(conv.weight, 0.05, 2.0 / conv.weight[0].numel() ** 0.5)
    return nn.Sequential(first, SpikingBlock(conv, nn.BatchNorm2d(outputs), LIF(), nn.MaxPool2d(2)))


@pytest.mark.parametrize("time", [1, 4])
@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_of_any_kind_is_event_driven_and_the_reference(kind, time):
    layers = stack(kind)
    sequence = (torch.rand(time, 3, 2, 11, 9, generator=torch.Generator().manual_seed(time)) < 0.3).float()
    assert not laws.decided_by_rounding(layers, sequence)
    laws.check_fused(layers, sequence)
    laws.check_repeatable(layers, sequence)
    layers(sequence)
    assert layers[1].decision.way == "events"
    laws.check_time_batch_axes(layers, sequence)


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_operator_of_a_compiled_graph_is_the_reference_by_events_and_densely(kind, monkeypatch):
    layers = stack(kind)
    sequence = (torch.rand(3, 2, 2, 11, 9, generator=torch.Generator().manual_seed(5)) < 0.3).float()
    monkeypatch.setattr("spareto.layers.spiking_block.traced", lambda _: True)
    for most in (1.0, -1.0):
        monkeypatch.setattr("spareto.kernels.mixed.crossover", lambda *_, most=most: most)
        laws.check_fused(layers, sequence)


@pytest.mark.parametrize("kind", ["grouped", "depthwise", "dilated", "same, more behind than before"])
def test_a_large_first_block_in_chunks_of_samples_is_the_reference(kind, monkeypatch):
    layer = stack(kind)[1]
    sequence = (torch.rand(4, 5, layer.conv.in_channels, 9, 11) < 0.3).float()
    monkeypatch.setattr("spareto.kernels.chunked.LARGE", 2 * 4 * 4 * 9 * 11 * 32)
    assert not laws.decided_by_rounding(layer, sequence)
    laws.check_fused(layer, sequence)


@pytest.mark.parametrize(
    ("options", "density", "way"),
    [
        ({"groups": 4}, 0.6, "dense"),
        ({"groups": 4}, 0.2, "events"),
        ({"groups": 8}, 0.9, "events"),
        ({"groups": 8, "stride": 2}, 0.9, "events"),
        ({"stride": 2}, 0.3, "dense"),
        ({"stride": (1, 2)}, 0.06, "events"),
        ({"stride": 2, "groups": 4}, 0.2, "dense"),
        ({"kernel_size": 1}, 0.35, "dense"),
        ({"kernel_size": 1}, 0.15, "events"),
    ],
)
def test_each_kind_has_its_own_crossover(options, density, way):
    conv = nn.Conv2d(8, 8, **{"kernel_size": 3, "padding": 1, **options})
    layer = SpikingBlock(conv, nn.BatchNorm2d(8), LIF())
    layer((torch.rand(2, 2, 8, 9, 9, generator=torch.Generator().manual_seed(0)) < density).float())
    assert layer.decision.way == way


def test_other_paddings_stay_dense_and_say_so():
    conv = nn.Conv2d(3, 5, 3, padding=1, padding_mode="circular")
    layer = SpikingBlock(conv, nn.BatchNorm2d(5), LIF())
    layer((torch.rand(2, 2, 3, 8, 8) < 0.3).float())
    assert (layer.decision.way, layer.decision.why) == (
        "dense",
        "its convolution is not an nn.Conv2d padded with zeros",
    )
