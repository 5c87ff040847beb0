"""Layers that assemble their weight of an epitome: values, gradients, state, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import crossbar_simulation
import spareto
from spareto.compression import compress, compression_report
from spareto.compression.assembling import assemble
from spareto.compression.packing import pack, unpack
from spareto.compression.parametrization import compressed_weight
from spareto.compression.tensors import original_weight
from spareto.core.errors import ConfigError
from spareto.hardware import load_accelerator
from spareto.records import Epitome, EpitomeStep, LayerEpitome, LayerFilter, PruneStep, QuantizeStep, Recipe
from spareto.widths import epitome_of

LAYERS = {
    "convolution": (lambda: nn.Conv2d(6, 10, 3, padding=1), (2, 6, 5, 5)),
    "strided": (lambda: nn.Conv2d(5, 9, 3, stride=2, bias=False), (2, 5, 7, 7)),
    "grouped": (lambda: nn.Conv2d(8, 12, 3, groups=2), (2, 8, 5, 5)),
    "depthwise": (lambda: nn.Conv2d(8, 8, 3, groups=8), (2, 8, 5, 5)),
    "dilated": (lambda: nn.Conv2d(4, 6, 3, dilation=2), (2, 4, 7, 7)),
    "one axis": (lambda: nn.Conv1d(6, 8, 5), (2, 6, 9)),
    "dense": (lambda: nn.Linear(30, 14), (2, 30)),
}
STEPS = {
    "wrapped": EpitomeStep(rows=25, columns=4),
    "spread": EpitomeStep(rows=25, columns=4, output_share=0.5, wrap=False),
    "sliding": EpitomeStep(rows=28, columns=5, margin=1),
}


def made(layer, step):
    torch.manual_seed(0)
    return compress(nn.Sequential(layer()), Recipe(steps=(step,)))[0]


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_computes_with_the_assembled_weight_and_gradients_are_summed_over_uses(name, step):
    layer, shape = LAYERS[name]
    own = made(layer, step)
    plain = layer()
    epitome = epitome_of(own)
    numbers = original_weight(own)
    weight = numbers.detach().reshape(-1)[torch.tensor(epitome.index)].reshape(plain.weight.shape)
    plain.weight = nn.Parameter(weight)
    plain.bias = None if own.bias is None else nn.Parameter(own.bias.detach().clone())
    frames = torch.randn(shape)
    given, expected = own(frames), plain(frames)
    assert torch.equal(given, expected)
    toward = torch.randn_like(given)
    given.backward(toward)
    expected.backward(toward)
    summed = torch.zeros(epitome.parameters, dtype=torch.float64)
    summed.index_add_(0, torch.tensor(epitome.index.ravel()), plain.weight.grad.reshape(-1).double())
    assert torch.allclose(numbers.grad.reshape(-1).double(), summed, atol=1e-5)


@pytest.mark.parametrize("name", ["convolution", "grouped", "depthwise"])
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_crossbars_round_by_round_give_what_the_layer_gives(name, step):
    layer, shape = LAYERS[name]
    own = made(layer, step).double()
    frames = (torch.rand(shape) < 0.4).double()
    chip = load_accelerator("isaac_like").arrays
    run = crossbar_simulation.run(
        epitome_of(own), original_weight(own).detach().numpy(), frames.numpy(), arrays=chip, bits=8,
        padding=own.padding[0],
    )  # fmt: skip
    expected = own(frames) - own.bias[:, None, None]
    assert torch.allclose(torch.from_numpy(run.outputs), expected, atol=1e-6)


def test_wrapped_blocks_are_equal_to_the_bit_and_nothing_changes():
    epitome = Epitome.of((12, 6, 3, 3), (4, 2, 3, 3))
    numbers = torch.randn(epitome.shape).numpy()
    frames = (np.random.default_rng(0).random((2, 6, 5, 5)) < 0.4).astype(float)
    chip = load_accelerator("isaac_like").arrays
    wrapped = crossbar_simulation.run(epitome, numbers, frames, arrays=chip, bits=8, padding=1)
    apart = crossbar_simulation.run(
        epitome.replace(wrapped=False), numbers, frames, arrays=chip, bits=8, padding=1
    )
    assert np.array_equal(wrapped.outputs, apart.outputs)
    assert np.array_equal(wrapped.outputs[:, :4], wrapped.outputs[:, 4:8])
    assert apart.rounds == 3 * wrapped.rounds == 3 * 6
    weight = torch.from_numpy(numbers.reshape(-1)[epitome.index])
    whole = F.conv2d(torch.from_numpy(frames).float(), weight.float(), padding=1)
    assert torch.equal(whole[:, :4], whole[:, 4:8])


def test_the_epitome_starts_nearest_to_the_trained_weight():
    torch.manual_seed(0)
    trained = nn.Conv2d(6, 10, 3)
    own = compress(nn.Sequential(trained), Recipe(steps=(STEPS["wrapped"],)))[0]
    best = (own.weight - trained.weight).square().sum().item()
    for _ in range(20):
        with torch.no_grad():
            other = original_weight(own) + 0.01 * torch.randn_like(original_weight(own))
            moved = other.reshape(-1)[torch.tensor(epitome_of(own).index)].reshape(trained.weight.shape)
        assert (moved - trained.weight).square().sum().item() >= best
    own.weight = trained.weight.detach()  # assigning projects
    assert (own.weight - trained.weight).square().sum().item() == pytest.approx(best)


def test_layers_within_the_limits_stay_as_they_are_to_the_bit():
    network = nn.Sequential(nn.Conv2d(6, 10, 3), nn.Flatten(), nn.Linear(90, 5))
    same = compress(network, Recipe(steps=(EpitomeStep(rows=90, columns=10),)))
    assert [epitome_of(layer) for layer in (same[0], same[2])] == [None, None]
    frames = torch.randn(2, 6, 5, 5)
    assert torch.equal(same(frames), network(frames))
    whole = copy.deepcopy(network)
    assemble(whole[0], Epitome.of((10, 6, 3, 3), (10, 6, 3, 3)))
    assert torch.equal(whole(frames), network(frames))
    assert epitome_of(whole[0]).plain


def test_each_layer_may_have_its_own_limits():
    network = nn.Sequential(nn.Conv2d(6, 10, 3), nn.Conv2d(10, 8, 3))
    own = LayerEpitome(layers="1", rows=18)
    found = compress(network, Recipe(steps=(EpitomeStep(columns=5, layer_shapes=(own,)),)))
    assert [epitome_of(layer).shape for layer in found] == [(5, 6, 3, 3), (8, 2, 3, 3)]


RECIPE = Recipe(
    steps=(
        EpitomeStep(rows=27, columns=4),
        QuantizeStep(quantizer="crossbar_tile", bits=3, options={"rows": 9, "columns": 2}),
    )
)


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(6, 10, 3), nn.ReLU(), nn.Flatten(), nn.Linear(90, 5))


def test_copies_pickles_state_dicts_and_packed_files_hold_it():
    own, frames = compress(network(), RECIPE).eval(), torch.randn(2, 6, 5, 5)
    expected = own(frames)
    other = compress(network(), RECIPE).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)
    other.load_state_dict(own.state_dict())
    packed = pack(own, own.state_dict())
    again = compress(network(), RECIPE).eval()
    again.load_state_dict(unpack(again, packed))
    assert "0.parametrizations.weight.codes" in packed
    for each in (copy.deepcopy(own), pickle.loads(pickle.dumps(own)), other, again):
        assert torch.equal(each(frames), expected)
    baked = copy.deepcopy(own)
    spareto.bake(baked)
    assert torch.equal(baked(frames), expected)
    assert epitome_of(baked[0]) == epitome_of(own[0])
    baked[0].weight.data += 1.0
    assert epitome_of(baked[0]) is None  # these are not its weights any more


def test_a_state_dict_of_other_tables_is_refused():
    own = compress(network(), Recipe(steps=(EpitomeStep(rows=27, columns=4),)))
    other = compress(network(), Recipe(steps=(EpitomeStep(rows=27, columns=4, wrap=False),)))
    with pytest.raises(ConfigError, match="other pieces of it"):
        other.load_state_dict(own.state_dict())


def test_the_report_counts_the_numbers_that_are_stored():
    report = compression_report(compress(network(), RECIPE))
    assert report[0].shape == (10, 6, 3, 3)
    assert report[0].bytes == -(-4 * 3 * 9 * 3 // 8)
    assert report[1].bytes == -(-4 * 27 * 3 // 8)


def test_the_workload_holds_the_tables_and_what_it_costs_names_them():
    own = compress(network(), RECIPE)
    found = spareto.energy(
        own, torch.rand(3, 6, 5, 5), layout="static", on=["isaac_like", "eyeriss_like"], show=False
    )
    first, last = found.workload.layers
    assert (first.epitome, last.epitome) == (epitome_of(own[0]), epitome_of(own[3]))
    assert first.weight_bits == 3
    assert "an epitome of 4 x 3 x 3 x 3" in found["isaac_like"].layers[0].notes[0]
    assert type(found.workload).parse(found.workload.to_dict(), "workload") == found.workload


def shared():
    both = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    both[1].weight = both[0].weight
    return both


def normed():
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)))


STEP = EpitomeStep(rows=4, columns=4)


@pytest.mark.parametrize(
    ("build", "step", "told"),
    [
        (shared, STEP, "a weight shared with '1'"),
        (normed, STEP, "weight norm"),
        (network, STEP, "at least 9, for one input channel"),
        (network, STEP.replace(rows=9, layer_shapes=(LayerEpitome(layers="x"),)), "a pattern that matches"),
        (lambda: compress(network(), RECIPE), STEP, "an epitome"),
        (lambda: compress(network(), Recipe(steps=(QuantizeStep(bits=4),))), STEP, "a compressed weight"),
        (lambda: compress(network(), RECIPE), PruneStep(sparsity=0.5), "epitomes; expected weights"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(build, step, told):
    with pytest.raises(ConfigError, match=told):
        compress(build(), Recipe(steps=(step,)))


def test_recipes_that_contradict_themselves_are_refused():
    with pytest.raises(ConfigError, match="frees no cell"):
        Recipe(steps=(STEP, PruneStep(sparsity=0.5)))
    with pytest.raises(ConfigError, match="made before it is quantized"):
        Recipe(steps=(STEP.replace(start=0.5), QuantizeStep(bits=4)))
    assert Recipe(steps=(STEP,)).regime == "epitome"
    assert Recipe(steps=(STEP, QuantizeStep(bits=3))).label == "epitome 4x4 3 bit"


def test_one_scale_a_tile_rounds_better_than_one_a_layer():
    """The same trained epitome at 3 bits; tiles differ, as channels of trained layers do."""
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 32, 3)
    with torch.no_grad():
        layer.weight.mul_(torch.logspace(0, 1, 32)[:, None, None, None])
    wide = Recipe(layers=LayerFilter(), steps=(EpitomeStep(rows=72),))
    floats = compress(nn.Sequential(layer), wide)[0]
    errors = {}
    for name, options in (("crossbar_tile", {"rows": 36, "columns": 8}), ("max_range", {})):
        step = QuantizeStep(quantizer=name, bits=3, options=options)
        own = compress(nn.Sequential(layer), wide.replace(steps=(*wide.steps, step)))[0]
        assert torch.equal(original_weight(own), original_weight(floats))
        errors[name] = (own.weight - floats.weight).square().mean().item()
    assert errors["crossbar_tile"] < 0.5 * errors["max_range"]


def test_the_range_of_a_tile_is_the_weighted_mix():
    own = compress(network(), RECIPE)[0]
    quantizer = compressed_weight(own).quantizer
    matrix = original_weight(own).detach().abs().reshape(4, 27)
    uses = torch.from_numpy(epitome_of(own).uses()).reshape(4, 27)
    assert uses.min() < uses.max()
    for column in range(2):
        for row in range(3):
            place = slice(2 * column, 2 * column + 2), slice(9 * row, 9 * row + 9)
            often = uses[place] > uses.min()
            tile = matrix[place]
            kinds = [tile[often], tile[~often]]
            if all(len(kind) for kind in kinds):
                expected = 0.8 * kinds[0].max() + 0.2 * kinds[1].max()
            else:
                expected = tile.max()
            assert quantizer.scale[column, row].item() == pytest.approx(expected.item() / 3)


@pytest.mark.parametrize("options", [{"rows": 0}, {"columns": 2.5}, {"overlap_weight": 1.5}, {"rows": True}])
def test_the_tile_quantizer_refuses_absurd_options(options):
    step = QuantizeStep(quantizer="crossbar_tile", bits=3, options=options)
    with pytest.raises(ConfigError, match=next(iter(options))):
        compress(network(), Recipe(steps=(step,)))
