"""Weights that several modules share stay shared: one mask, one quantizer, stored once."""

import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from spareto.compression import bake, compress, compressed_weight, compression_report, stored_beside
from spareto.core.errors import ConfigError
from spareto.pruners import registry as pruners
from spareto.records import LayerBits, LayerFilter, PruneStep, QuantizeStep, Recipe

JOINT = Recipe(steps=(PruneStep(sparsity=0.5), QuantizeStep(bits=3)))


class Autoencoder(nn.Module):
    """Two dense layers of one weight."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.middle, self.decoder = nn.Linear(9, 9), nn.Linear(9, 9), nn.Linear(9, 9)
        self.decoder.weight = self.encoder.weight

    def forward(self, x):
        return self.decoder(self.middle(self.encoder(x).relu()).relu())


class Convolutions(nn.Module):
    """Two convolutions of one weight and one bias, on planes of two sizes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.second.weight, self.second.bias = self.first.weight, self.first.bias

    def forward(self, x):
        return self.second(nn.functional.max_pool2d(self.first(x).relu(), 2))


class Language(nn.Module):
    """An embedding whose table is the read-out's weight."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.out = nn.Embedding(7, 5), nn.Linear(5, 7, bias=False)
        self.out.weight = self.table.weight

    def forward(self, x):
        return self.out(self.table(x.abs().long() % 7))


class Reader(nn.Module):
    """A module of one's own that holds a dense layer's weight under another name."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.dense, self.mine = nn.Linear(9, 9), nn.Module()
        self.mine.matrix = self.dense.weight

    def forward(self, x):
        return self.dense(x) @ self.mine.matrix


CASES = {
    "dense": (Autoencoder, lambda: torch.randn(4, 9), [("encoder", "weight"), ("decoder", "weight")]),
    "convolutions": (
        Convolutions,
        lambda: torch.randn(2, 3, 6, 6),
        [("first", "weight"), ("second", "weight")],
    ),
    "embedding": (Language, lambda: 9 * torch.randn(4, 6), [("table", "weight"), ("out", "weight")]),
    "of one's own": (Reader, lambda: torch.randn(4, 9), [("dense", "weight"), ("mine", "matrix")]),
}


@pytest.fixture(params=CASES)
def case(request):
    make, example, shared = CASES[request.param]
    return make(), example(), shared


def tensors(network, shared):
    return [getattr(network.get_submodule(name), tensor) for name, tensor in shared]


def check_shared(network, shared):
    first, *others = tensors(network.eval(), shared)
    assert all(torch.equal(first, other) for other in others)
    assert len(first.unique()) <= 7


def test_one_mask_and_one_quantizer(case):
    network, example, shared = case
    compressed = compress(network, JOINT)
    check_shared(compressed, shared)
    parts = {
        id(compressed_weight(compressed.get_submodule(name), tensor).quantizer) for name, tensor in shared
    }
    assert len(parts) == 1
    assert len(list(compressed.parameters())) == len(list(network.parameters())) + len(
        {id(m.quantizer) for m in compressed.modules() if hasattr(m, "quantizer")}
    )
    assert compressed(example).isfinite().all()


def test_they_stay_shared_through_training_copies_files_and_baking(case):
    network, example, shared = case
    compressed = compress(network, JOINT).train()
    optimizer = torch.optim.Adam(compressed.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        compressed(example).square().mean().backward()
        optimizer.step()
    check_shared(compressed, shared)
    expected = compressed(example)
    other = compress(network, JOINT).eval()
    other.load_state_dict(compressed.state_dict())
    assert torch.equal(other(example), expected)
    for copy in (deepcopy(compressed), pickle.loads(pickle.dumps(compressed))):
        assert torch.equal(copy(example), expected)
        bake(copy)
        assert torch.equal(copy(example), expected)
        first, *rest = tensors(copy, shared)
        assert all(value is first for value in rest)


@pytest.mark.parametrize("quantizer", ["duq", "sign", "max_range"])
def test_baking_computes_each_weight_once(case, quantizer):
    """Some quantizers change a weight that they have quantized already."""
    network, example, shared = case
    bits = 1 if quantizer == "sign" else 3
    compressed = compress(network, Recipe(steps=(QuantizeStep(bits=bits, quantizer=quantizer),))).eval()
    for name, parameter in compressed.named_parameters():
        if name.endswith("input_clip"):
            parameter.data *= 0.5
    expected = compressed(example)
    bake(compressed)
    assert torch.equal(compressed(example), expected)
    assert tensors(compressed, shared)[0] is tensors(compressed, shared)[1]


def test_stored_once():
    network = Autoencoder()
    report = compression_report(compress(network, JOINT))
    assert [(layer.name, layer.shares, layer.bytes) for layer in report] == [
        ("encoder", "", 31),
        ("middle", "", 31),
        ("decoder", "encoder", 0),
    ]
    assert [layer.bits for layer in report] == [3, 3, 3]
    assert not [part for part in stored_beside(compress(Language(), JOINT)) if "scales" not in part.what]


def test_counted_once_where_all_layers_are_ranked_together():
    network = Autoencoder()
    compressed = compress(network, Recipe(steps=(PruneStep(sparsity=0.5),)))
    zeros = sum(int((compressed.get_submodule(name).weight == 0).sum()) for name in ("encoder", "middle"))
    assert zeros == 81


@pytest.mark.parametrize("pruner", [name for name in pruners.names() if pruners.get(name).unit == "weight"])
def test_every_pruner(case, pruner):
    network, example, shared = case
    step = PruneStep(sparsity=0.5, pruner=pruner, scope="per_layer")
    compressed = compress(network, Recipe(steps=(step,)), run=lambda net: net(example).square().sum())
    first, second = tensors(compressed, shared)
    assert torch.equal(first, second)
    assert 0.45 <= float((first == 0).double().mean()) <= (0.7 if pruner == "n_of_m" else 0.52)


def test_a_recipe_that_touches_one_of_two_is_refused():
    with pytest.raises(ConfigError) as error:
        compress(Autoencoder(), JOINT.model_copy(update={"layers": LayerFilter(last=False)}))
    got = "a weight it shares with 'decoder', which the recipe leaves out"
    rule = "layers of one weight touched together, or not at all"
    cure = "Include both in recipe.layers, or exclude both."
    assert str(error.value) == f"layer 'encoder': got {got}; expected {rule}. {cure}"


def test_two_widths_for_one_weight_are_refused():
    step = QuantizeStep(bits=4, layer_bits=(LayerBits(layers="decoder", bits=2),))
    with pytest.raises(ConfigError) as error:
        compress(Autoencoder(), Recipe(steps=(step,)))
    rule, cure = "one width for the layers that share a weight", "Give them the same, or none."
    got = "several for encoder, decoder"
    assert str(error.value) == f"recipe.steps[0].layer_bits: got {got}; expected {rule}. {cure}"


def test_a_tie_below_a_parametrization_is_refused():
    network = Autoencoder()
    parametrizations.spectral_norm(network.decoder)
    assert network.decoder.parametrizations.weight.original is network.encoder.weight
    with pytest.raises(ConfigError) as error:
        compress(network, JOINT)
    rule = "a shared weight without parametrizations of its own"
    cure = "Exclude both layers in recipe.layers, or give each its own weight."
    got = "spectral norm on a weight it shares with 'decoder'"
    assert str(error.value) == f"layer 'encoder': got {got}; expected {rule}. {cure}"


def test_two_parameters_in_one_memory_are_refused():
    network = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    network[1].weight.data = network[0].weight.data
    with pytest.raises(ConfigError) as error:
        compress(network, JOINT)
    got = "a weight in the memory of layer '0' that is another parameter"
    cure = "Assign the parameter itself, a.weight = b.weight, so that it stays shared."
    assert str(error.value) == f"layer '1': got {got}; expected one parameter, or memory of its own. {cure}"


class TwoNames(nn.Module):
    """One module under two names, called twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.step, self.out = nn.Linear(9, 9), nn.Linear(9, 2)
        self.again = self.step

    def forward(self, x):
        return self.out(self.again(self.step(x).relu()))


@pytest.mark.parametrize("pattern", ["step", "again"])
def test_a_module_is_meant_by_each_of_its_names(pattern):
    recipe = Recipe(steps=(QuantizeStep(bits=2),), layers=LayerFilter(include=(pattern,)))
    compressed = compress(TwoNames(), recipe)
    assert [layer.bits for layer in compression_report(compressed)] == [2, 32]
    assert compressed.again is compressed.step
    left_out = Recipe(steps=(QuantizeStep(bits=2),), layers=LayerFilter(exclude=(pattern,)))
    assert [layer.bits for layer in compression_report(compress(TwoNames(), left_out))] == [32, 2]


def test_a_width_by_the_second_name():
    step = QuantizeStep(bits=4, layer_bits=(LayerBits(layers="again", bits=2),))
    with pytest.raises(ConfigError, match="several for step, again"):
        compress(TwoNames(), Recipe(steps=(step,)))
    both = QuantizeStep(bits=4, layer_bits=(LayerBits(layers="[sa][tg]*", bits=2),))
    assert [r.bits for r in compression_report(compress(TwoNames(), Recipe(steps=(both,))))] == [2, 4]
