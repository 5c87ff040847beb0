"""Layers that compute their weight by a parametrization of their own: compressed on the weight in use."""

import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from spareto.compression import bake, compress, compressed_weight, compression_report
from spareto.compression.scheduling import rewind
from spareto.core.errors import ConfigError
from spareto.records import LayerFilter, PruneStep, QuantizeStep, Recipe
from spareto.testing.steps import state_bytes
from spareto.widths import value_in_use

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")


def double(layer):
    class Twice(nn.Module):
        def forward(self, weight):
            return 2 * weight

    parametrize.register_parametrization(layer, "weight", Twice())


WAYS = {
    "spectral norm, old": spectral_norm,
    "spectral norm": parametrizations.spectral_norm,
    "weight norm, old": weight_norm,
    "weight norm, old, of all": lambda layer: weight_norm(layer, dim=None),
    "weight norm": parametrizations.weight_norm,
    "orthogonal": parametrizations.orthogonal,
    "mask": lambda layer: prune.l1_unstructured(layer, "weight", 0.4),
    "mask, structured": lambda layer: prune.ln_structured(layer, "weight", 0.4, n=2, dim=0),
    "two masks": lambda layer: prune.random_unstructured(
        prune.l1_unstructured(layer, "weight", 0.2), "weight", 0.3
    ),
    "mask of the bias": lambda layer: prune.l1_unstructured(layer, "bias", 0.4),
    "of one's own": double,
}
LAYERS = {
    "linear": (lambda: nn.Linear(12, 8), lambda: torch.randn(5, 12)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 3), lambda: torch.randn(5, 3, 9)),
    "conv2d": (lambda: nn.Conv2d(3, 4, 3, groups=1), lambda: torch.randn(5, 3, 5, 6)),
}
FINE = Recipe(steps=(QuantizeStep(bits=16, quantizer="max_range"),))
JOINT = Recipe(
    steps=(PruneStep(sparsity=0.5, scope="per_layer"), QuantizeStep(bits=4, quantizer="max_range"))
)


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


@pytest.fixture(params=LAYERS)
def case(request, way):
    torch.manual_seed(0)
    make, example = LAYERS[request.param]
    layer = make()
    way(layer)
    return nn.Sequential(layer), example()


@pytest.mark.parametrize("training", [True, False])
def test_many_bits_change_nothing(case, training):
    network, example = case
    network.eval()
    expected, weight = network(example), network[0].weight.detach().clone()
    network.train(training)
    before = state_bytes(network)
    compressed = compress(network, FINE)
    assert state_bytes(network) == before
    assert compressed.training == training
    loudest = float(expected.detach().abs().max())
    torch.testing.assert_close(compressed.eval()(example), expected, atol=1e-3 * loudest, rtol=0)
    torch.testing.assert_close(value_in_use(network[0]), weight)


def test_codes_are_those_of_the_weight_in_use(case):
    network, _ = case
    weight = value_in_use(network[0])
    compressed = compress(network.eval(), Recipe(steps=(QuantizeStep(bits=4, quantizer="max_range"),)))
    step = weight.abs().max() / 7
    torch.testing.assert_close(compressed[0].weight, (weight / step).round() * step)


def test_the_smallest_weights_in_use_go(case):
    network, _ = case
    weight = value_in_use(network[0])
    compressed = compress(
        network.eval(), Recipe(steps=(PruneStep(sparsity=0.6, scope="per_layer"),), storage_bits=32)
    )
    order = weight.flatten().abs().argsort(stable=True)
    gone = order[: int(0.6 * order.numel() + 0.5)]
    expected = weight.flatten().clone()
    expected[gone] = 0
    torch.testing.assert_close(compressed[0].weight.flatten(), expected)


def test_it_trains_bakes_and_travels(case):
    network, example = case
    compressed = compress(network, JOINT).train()
    optimizer = torch.optim.SGD(compressed.parameters(), lr=0.05)
    first = compressed(example).square().mean()
    for _ in range(5):
        loss = compressed(example).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if network[0].weight.requires_grad and "Spectral" not in str(network):
        assert loss < first
    compressed.eval()
    (report,) = compression_report(compressed)
    assert (report.bits, report.levels <= 15, report.sparsity >= 0.5) == (4, True, True)
    expected = compressed(example)
    again = compress(network, JOINT).eval()
    again.load_state_dict(compressed.state_dict())
    assert torch.equal(again(example), expected)
    assert torch.equal(deepcopy(compressed)(example), expected)
    bake(compressed)
    assert torch.equal(compressed(example), expected)
    assert not parametrize.is_parametrized(compressed[0], "weight")


def test_reports_do_not_move_power_iterations():
    torch.manual_seed(0)
    network = nn.Sequential(parametrizations.spectral_norm(nn.Linear(12, 8)))
    compressed = compress(network.train(), JOINT).train()
    before = state_bytes(compressed)
    compression_report(compressed)
    assert state_bytes(compressed) == before


@pytest.mark.parametrize("sparsity", [0.2, 0.7])
def test_a_mask_that_is_there_stays(sparsity):
    torch.manual_seed(0)
    network = nn.Sequential(prune.random_unstructured(nn.Linear(12, 8), "weight", 0.5))
    compressed = compress(network, Recipe(steps=(PruneStep(sparsity=sparsity, scope="per_layer"),)))
    mask = compressed_weight(compressed[0]).mask
    assert not mask[network[0].weight_mask == 0].any()
    assert int((mask == 0).sum()) == max(48, int(sparsity * 96 + 0.5))


def test_a_mask_that_is_there_holds_when_only_quantized():
    torch.manual_seed(0)
    network = nn.Sequential(prune.random_unstructured(nn.Linear(12, 8), "weight", 0.5))
    compressed = compress(network, Recipe(steps=(QuantizeStep(bits=4),))).train()
    optimizer = torch.optim.Adam(compressed.parameters(), lr=0.1)
    compressed(torch.randn(5, 12)).sum().backward()
    optimizer.step()
    assert not compressed[0].weight[network[0].weight_mask == 0].any()


def test_weights_computed_from_others_cannot_grow_again():
    network = nn.Sequential(parametrizations.weight_norm(nn.Linear(12, 8)), nn.Linear(8, 3))
    step = PruneStep(sparsity=0.5, schedule={"name": "set"}, scope="per_layer")
    with pytest.raises(ConfigError) as error:
        compress(network, Recipe(steps=(step,)))
    rule = "weights of its own for recipe.steps[0].schedule, which lets weights grow again from 0"
    cure = "Choose schedule 'gradual', or exclude the layer in recipe.layers."
    assert str(error.value) == f"layer '0': got weight norm; expected {rule}. {cure}"


def test_rewinding_finds_the_parameters_below(way):
    torch.manual_seed(0)
    start = nn.Sequential(nn.Linear(12, 8), nn.Linear(8, 3))
    way(start[0])
    compressed = compress(start, Recipe(steps=(PruneStep(sparsity=0.5, scope="per_layer"),))).eval()
    expected = compressed(torch.ones(2, 12)).detach().clone()
    with torch.no_grad():
        for parameter in compressed.parameters():
            parameter.add_(0.1)
    assert not torch.allclose(compressed(torch.ones(2, 12)), expected)
    rewind(compressed, start)
    torch.testing.assert_close(compressed(torch.ones(2, 12)), expected)


def test_a_layer_inside_of_a_parametrization_is_no_layer_of_the_network():
    class Hyper(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(8, 8)

        def forward(self, weight):
            return self.mix(weight.T).T

    network = nn.Sequential(nn.Linear(12, 8))
    parametrize.register_parametrization(network[0], "weight", Hyper())
    assert [layer.name for layer in compression_report(network)] == ["0"]


def test_other_layers_keep_their_hooks():
    torch.manual_seed(0)
    network = nn.Sequential(spectral_norm(nn.Linear(12, 8)), spectral_norm(nn.Linear(8, 3)))
    compressed = compress(network, Recipe(steps=(QuantizeStep(bits=4),), layers=LayerFilter(exclude=("0",))))
    assert "0.weight_orig" in compressed.state_dict()
    assert compressed(torch.randn(2, 12)).shape == (2, 3)
    assert pickle.dumps(compressed)
