"""The study's network, part by part: what the issue and the publication say of it."""

import pytest
import torch
from torch import nn

from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.layers.tcja import TCJA
from spareto.networks import build
from spareto.neurons.lif import LIF
from spareto.neurons.surrogates.arctan import Arctan

SENSOR, CLASSES, T, VOTES = (2, 128, 128), 11, 20, 10


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build("tcja", sensor=SENSOR, classes=CLASSES)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_every_part_has_its_parameters(network):
    parts = [*network.features, *network.readout]
    kinds = [*[SpikingBlock] * 4, TCJA, SpikingBlock, TCJA, SpikingDense, SpikingDense]
    assert [type(part) for part in parts] == kinds
    first, middle, norm, attention = 2 * 128 * 9, 128 * 128 * 9, 2 * 128, 20 * 20 * 4 + 128 * 128 * 4
    assert (first, middle, norm, attention) == (2304, 147456, 256, 1600 + 65536)
    assert [parameters(part) for part in parts] == [
        first + norm,
        *[middle + norm] * 3,
        attention,
        middle + norm,
        attention,
        2048 * 512,
        512 * 110,
    ]
    assert parameters(network) == 1_832_576


def test_blocks_are_convolution_batch_norm_neurons_pooling(network):
    for block in network.features:
        if isinstance(block, TCJA):
            assert (block.timesteps, block.channels, block.padding) == (T, 128, (1, 2))
            continue
        conv = block.conv
        assert (conv.kernel_size, conv.stride, conv.padding, conv.bias) == ((3, 3), (1, 1), (1, 1), None)
        assert type(block.norm) is nn.BatchNorm2d
        assert (block.pool.kernel_size, block.pool.stride) == (2, 2)


def test_dense_layers_have_dropout_and_no_batch_norm(network):
    for layer in network.readout:
        assert (layer.linear.bias, layer.norm, layer.dropout.p) == (None, None, 0.5)
    assert sum(isinstance(module, nn.Dropout) for module in network.modules()) == 2


def test_neurons_halve_reset_to_zero_and_learn_by_the_arctan(network):
    neurons = [module for module in network.modules() if isinstance(module, LIF)]
    assert len(neurons) == 7
    for neuron in neurons:
        assert (neuron.beta, neuron.gain, neuron.v_threshold, neuron.reset) == (0.5, 0.5, 1.0, "zero")
        assert (neuron.v_reset, neuron.strict, neuron.detach_reset) == (0.0, False, True)
        assert type(neuron.surrogate) is Arctan
        assert neuron.surrogate.alpha == 2.0


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_attention_is_padded_as_torch_pads_to_the_same_size():
    torch.manual_seed(0)
    layer, sequence = TCJA(T, 8), torch.rand(T, 3, 8, 4, 4)
    temporal, channel = (nn.Conv1d(n, n, 4, padding="same", bias=False) for n in (T, 8))
    temporal.weight, channel.weight = layer.temporal.weight, layer.channel.weight
    means = sequence.mean((3, 4)).transpose(0, 1)
    along = temporal(means)
    across = channel(means.transpose(1, 2)).transpose(1, 2)
    scale = torch.sigmoid(along * across).transpose(0, 1)[..., None, None]
    torch.testing.assert_close(layer(sequence), sequence * scale)


def test_ten_voters_a_class_and_the_mean_over_time(network):
    """The read-out's spikes are put in: a fresh network has none."""
    spikes = (torch.rand((T, 3, CLASSES * VOTES), generator=torch.Generator().manual_seed(0)) < 0.3).float()
    handle = network.readout.register_forward_hook(lambda *_: spikes)
    with torch.no_grad():
        rates = network.eval()(torch.zeros((T, 3, *SENSOR)))
    handle.remove()
    by_class = [spikes[:, :, VOTES * c : VOTES * (c + 1)].sum((0, 2)) / (T * VOTES) for c in range(CLASSES)]
    torch.testing.assert_close(rates, torch.stack(by_class, 1))
