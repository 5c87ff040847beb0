"""What a network stores beside the weights that recipes compress is named and counted."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

import tiny
from spareto import recipes
from spareto.compression import bake, compress, compression_report, stored_beside
from spareto.records import QuantizeStep, Recipe

MODULES = {
    "recurrent layer": [nn.LSTM(4, 5), nn.GRU(4, 5, 2, bidirectional=True), nn.RNN(4, 5), nn.LSTMCell(4, 5)],
    "transposed convolution": [
        nn.ConvTranspose1d(2, 3, 3, bias=False),
        nn.ConvTranspose2d(2, 3, 3, bias=False),
    ],
    "3-d convolution": [nn.Conv3d(2, 3, 3, bias=False)],
    "embedding": [nn.Embedding(7, 4), nn.EmbeddingBag(7, 4)],
    "bilinear layer": [nn.Bilinear(2, 3, 4, bias=False)],
    "norm": [
        nn.BatchNorm1d(4),
        nn.BatchNorm2d(4),
        nn.LayerNorm(4),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4, affine=True),
    ],
    "parameters of PReLU": [nn.PReLU(4)],
}
CASES = [(what, module) for what, modules in MODULES.items() for module in modules]


def values(module):
    buffers = [value for value in module.buffers() if value.is_floating_point()]
    return sum(value.numel() for value in [*module.parameters(), *buffers])


@pytest.mark.parametrize(("what", "module"), CASES, ids=lambda case: type(case).__name__)
def test_every_kind_is_named_and_counted(what, module):
    network = nn.Sequential(nn.Linear(4, 4, bias=False), module)
    (part,) = stored_beside(network)
    assert part.what.partition(":")[0] == what
    assert (part.values, part.bits, part.bytes) == (values(module), 32, 4 * values(module))
    assert part.name.startswith("1")
    (half,) = stored_beside(network.half())
    assert (half.bits, half.bytes) == (16, 2 * values(module))


def test_the_projections_of_attention():
    network = nn.MultiheadAttention(8, 2, kdim=5, vdim=6, bias=False)
    assert [layer.name for layer in compression_report(network)] == ["out_proj"]
    (part,) = stored_beside(network)
    assert part.values == 8 * 8 + 8 * 5 + 8 * 6
    assert part.what == "attention projection: recipes compress its output layer, not this weight"


def hooked(way):
    return nn.Sequential(way(nn.Linear(6, 4)), nn.Linear(4, 2))


WAYS = [
    spectral_norm,
    weight_norm,
    parametrizations.spectral_norm,
    parametrizations.weight_norm,
    lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
]


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("way", WAYS)
def test_what_a_weight_is_computed_from_belongs_to_its_layer(way):
    assert [(part.name, part.values) for part in stored_beside(hooked(way))] == [("0.bias", 4), ("1.bias", 2)]


def test_all_together_are_all_there_is():
    network = tiny.network()
    total = sum(torch.Size(layer.shape).numel() for layer in compression_report(network))
    total += sum(part.values for part in stored_beside(network))
    assert total == values(network)


def test_quantized_biases_and_scales():
    compressed = compress(tiny.plain(), Recipe(steps=(QuantizeStep(bits=4, bias_bits=6),)))
    parts = [(part.name, part.what, part.bits, part.bytes) for part in stored_beside(compressed)]
    assert parts == [
        ("0.bias", "bias, quantized", 6, 6),
        ("2.bias", "bias, quantized", 6, 3),
        ("0", "scales of its quantizer", 32, 4),
        ("0", "scales of its quantizer", 32, 4),
        ("2", "scales of its quantizer", 32, 4),
        ("2", "scales of its quantizer", 32, 4),
    ]
    bake(compressed)
    assert [(part.name, part.bits) for part in stored_beside(compressed)] == [("0.bias", 6), ("2.bias", 6)]


def test_neurons_of_other_frameworks():
    snn = pytest.importorskip("snntorch", reason="snnTorch is not installed")
    network = nn.Sequential(
        nn.Linear(4, 3, bias=False), snn.Leaky(beta=torch.full((3,), 0.9), init_hidden=True)
    )
    network(torch.rand(2, 4))
    (part,) = stored_beside(network)
    assert part.what == "constants of Leaky"
    assert 3 <= part.values <= 8, "its decays, not its membrane potentials"
    before = part.values
    assert stored_beside(compress(network, recipes.quantize(4)))[0].values == before


def test_neuron_states_are_not_stored():
    sl = pytest.importorskip("sinabs.layers", reason="sinabs is not installed")
    network = nn.Sequential(nn.Linear(4, 3, bias=False), sl.LIFSqueeze(tau_mem=10.0, batch_size=1))
    before = stored_beside(network)
    network(torch.rand(2, 4))
    assert stored_beside(network) == before
    assert sum(part.values for part in before) == len(list(network[1].parameters()))
