"""Sums and neurons in one pass give the spikes of the two kernels one after the other, to the bit."""

import pytest
import torch
from torch import nn

from spareto import kernels
from spareto.kernels import spikes as packing
from spareto.kernels import streaming
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here")
NEURONS = [name for name in registry.names() if name not in ("multi_spike", "recurrent")]


def events(*shape, density=0.08):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < density).float()


def normed(layer, outputs):
    """Running statistics that keep about a fifth of the neurons busy."""
    for norm in layer.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(norm.weight, 1.0, 0.3)
            nn.init.normal_(norm.bias, 0.1, 0.2)
            norm.running_var.copy_(torch.rand(outputs) + 0.5)
    return layer.eval()


def block(inputs, outputs, kernel, stride=1, padding=0, pool=None, neuron="lif"):
    torch.manual_seed(0)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=outputs % 2 == 1)
    nn.init.normal_(conv.weight, 0.02, 2.0 / conv.weight[0].numel() ** 0.5)
    return normed(SpikingBlock(conv, nn.BatchNorm2d(outputs), registry.make(neuron), pool), outputs)


def agree(monkeypatch, layer, frames):
    """One pass without gradients; two with them, for weights that want one."""
    ways = []
    stream = streaming.stream
    monkeypatch.setattr("spareto.kernels.fused.stream", lambda *a: ways.append(1) or stream(*a))
    twin = kernels.dense(layer(frames)).detach()
    assert not ways
    with torch.no_grad():
        one = kernels.dense(layer(frames))
    assert ways
    assert torch.equal(one, twin)
    assert 0.001 < float(twin.mean()) < 0.99


BLOCKS = {
    "events scatter": ((2, 16, 3, 1, 1, nn.MaxPool2d(2)), (11, 3, 2, 34, 34)),
    "weights in the nearest cache": ((16, 32, 3, 1, 1, nn.MaxPool2d(2)), (7, 2, 16, 17, 17)),
    "a kernel row there, several strips": ((128, 64, 3, 1, 1), (3, 2, 128, 30, 33)),
    "strides, odd channels, windows of 3": ((3, 21, (5, 2), 2, 2, nn.MaxPool2d(3)), (9, 2, 3, 29, 40)),
    "averages of three windows": ((5, 20, 3, 1, 1, nn.AvgPool2d(3)), (4, 3, 5, 10, 11)),
    "long sequences": ((2, 40, 3, 1, 1, nn.MaxPool2d(2)), (300, 1, 2, 12, 12)),
    "1 x 1": ((70, 130, 1), (5, 1, 70, 9, 6)),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("case", BLOCKS)
def test_a_block(monkeypatch, threads, case):
    options, shape = BLOCKS[case]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        agree(monkeypatch, block(*options), events(*shape))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("neuron", NEURONS)
def test_every_neuron(monkeypatch, neuron):
    agree(monkeypatch, block(2, 16, 3, 1, 1, nn.MaxPool2d(2), neuron), events(40, 2, 2, 30, 30))
    torch.manual_seed(0)
    linear = nn.Linear(90, 37)
    nn.init.normal_(linear.weight, 0.1, 0.4)
    agree(monkeypatch, SpikingDense(linear, registry.make(neuron)), events(40, 5, 90))


@pytest.mark.parametrize("outputs", [1, 20, 100, 256])
@pytest.mark.parametrize("batch", [1, 7, 200])
def test_a_dense_layer(monkeypatch, outputs, batch):
    torch.manual_seed(0)
    linear = nn.Linear(3 * 5 * 5, outputs)
    nn.init.normal_(linear.weight, 0.05, 0.5)
    layer = normed(SpikingDense(linear, registry.make("lif"), nn.BatchNorm1d(outputs)), outputs)
    agree(monkeypatch, layer, events(30, batch, 3, 5, 5))


def test_weights_that_are_not_finite_meet_the_zeros_too():
    layer = block(2, 16, 3, 1, 1)
    with torch.no_grad():
        layer.conv.weight[3, 0, 0, 0] = float("nan")
    frames = events(4, 2, 2, 9, 9)
    with torch.no_grad():
        one = kernels.dense(layer(frames))
    assert torch.equal(one, kernels.dense(layer(frames)).detach())


@pytest.mark.parametrize("shape", [(4, 9, 3, 5, 6), (4, 9, 70)])
def test_part_of_a_longer_array_is_packed_where_it_lies(shape):
    whole = events(*shape)
    part = whole[:, 2:7]
    packed = packing.pack(part)
    assert packed is not None
    assert torch.equal(packed.dense(), part)
    assert packing.pack(part * 0.5) is None
    assert packing.pack(whole.transpose(0, 1)) is not None
    assert torch.equal(packing.pack(whole.transpose(0, 1)).dense(), whole.transpose(0, 1))


def test_what_was_packed_is_known_to_be_binary():
    frames = events(4, 9, 3, 5, 6)
    packing.forget_packed()
    assert not packing.was_binary(frames)
    packing.pack(frames.flatten(2))
    assert packing.was_binary(frames)
    packing.forget_packed()
    packing.pack(frames * 2)
    assert not packing.was_binary(frames)
