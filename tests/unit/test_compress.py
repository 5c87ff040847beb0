"""Compression of one network, without training."""

import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import tiny
from spareto import recipes
from spareto.compression import bake, compress, compressed_weight, compression_report, weight_bits
from spareto.compression.run import compress_and_train
from spareto.core.errors import ConfigError, UnknownName
from spareto.records import LayerFilter, PruneStep, QuantizeStep, Recipe, TrainingPlan
from spareto.testing.steps import state_bytes

PRUNE, TERNARY = PruneStep(sparsity=0.5), QuantizeStep(bits=2)
ORDERS = ("quantize_then_mask", "mask_then_quantize")


def message(recipe, network=None):
    with pytest.raises(ConfigError) as error:
        compress(network or tiny.plain(), recipe)
    return str(error.value)


def weights(network):
    return {
        name: layer.weight.detach() for name, layer in network.named_modules() if isinstance(layer, nn.Linear)
    }


def sparsity(network):
    values = torch.cat([weight.flatten() for weight in weights(network).values()])
    return float((values == 0).double().mean())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("recipe", [recipes.prune(0.5), recipes.joint(2, 0.5), recipes.cumulative(3, 0.5)])
def test_a_plain_network_keeps_computing(recipe, order):
    network = tiny.plain()
    compressed = compress(network, recipe.model_copy(update={"order": order}))
    assert compressed(torch.randn(5, 12)).shape == (5, 3)
    assert sparsity(compressed) >= 0.5
    assert type(compressed) is nn.Sequential


def test_a_cumulative_recipe_is_in_force_at_once():
    """`compress` does not train, so that a step with a later start is carried out too."""
    late = Recipe(steps=(QuantizeStep(bits=3, start=0.5), PRUNE))
    compressed = compress(tiny.plain(), late)
    report = compression_report(compressed)
    assert all(layer.bits == 3 and layer.levels <= 7 for layer in report)
    assert sparsity(compressed) >= 0.5


def test_later_steps_see_what_earlier_ones_left():
    """Steps run by their start, whatever their place in the recipe: quantizers start from live weights."""
    network = tiny.plain()
    network[0].weight.data[0, 0] = 50.0
    steps = (QuantizeStep(bits=8, quantizer="max_range", start=0.5), PruneStep(sparsity=0.5, pruner="random"))
    scale = compress(network, Recipe(steps=steps))[0].parametrizations.weight[0].quantizer.scale
    mask = compress(network, Recipe(steps=steps[1:]))[0].parametrizations.weight[0].mask
    expected = (network[0].weight * mask).abs().max() / 127
    torch.testing.assert_close(scale.flatten(), expected.flatten())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("quantizer", "bits"), [("learned_clip", 2), ("max_range", 4), ("sign", 1)])
def test_a_pruned_weight_is_zero_and_a_live_one_a_code(quantizer, bits, order):
    step = QuantizeStep(bits=bits, quantizer=quantizer)
    layer = compress(tiny.plain(), Recipe(steps=(PRUNE, step), order=order)).eval()[0]
    compression = compressed_weight(layer)
    assert compression.order == order
    mask, codes = compression.mask, compression.quantizer
    first = (
        mask * layer.parametrizations.weight.original
        if order == ORDERS[1]
        else layer.parametrizations.weight.original
    )
    expected = codes.decode(codes.encode(first)) * mask
    assert torch.equal(layer.weight, expected)
    assert not layer.weight[mask == 0].any()


@pytest.mark.parametrize("bits", [2, 3, 8, 16])
def test_storage_bits_round_what_is_only_pruned(bits):
    compressed = compress(tiny.plain(), recipes.prune(0.5, storage_bits=bits))
    for layer in compression_report(compressed):
        assert layer.bits == bits
        assert layer.levels <= 2**bits - 1


def test_storage_bits_do_not_round_what_is_quantized_already():
    compressed = compress(tiny.plain(), Recipe(steps=(TERNARY,), storage_bits=8))
    assert [layer.bits for layer in compression_report(compressed)] == [2, 2]


def test_32_storage_bits_keep_floats():
    network = tiny.plain()
    compressed = compress(network, Recipe())
    assert state_bytes(compressed) == state_bytes(network)
    assert [layer.bits for layer in compression_report(compressed)] == [32, 32]


@pytest.mark.parametrize("recipe", [recipes.joint(2, 0.5), recipes.prune(0.5), recipes.quantize(4)])
@pytest.mark.parametrize("training", [True, False])
def test_baking_leaves_exactly_the_compressed_weights(recipe, training):
    compressed = compress(tiny.plain(), recipe).train(training)
    expected = {name: weight.clone() for name, weight in weights(compressed).items()}
    bake(compressed)
    assert not any(parametrize.is_parametrized(module) for module in compressed.modules())
    for name, weight in weights(compressed).items():
        assert torch.equal(weight, expected[name])
    assert set(compressed.state_dict()) == set(tiny.plain().state_dict())
    assert all(isinstance(parameter, nn.Parameter) for parameter in compressed.parameters())


def test_baking_what_is_not_compressed_changes_nothing():
    network = tiny.plain()
    before = state_bytes(network)
    bake(network)
    assert state_bytes(network) == before


def test_a_deep_copy_is_a_network_of_its_own():
    compressed = compress(tiny.plain(), recipes.joint(3, 0.5))
    copy = deepcopy(compressed)
    assert state_bytes(copy) == state_bytes(compressed)
    with torch.no_grad():
        copy[0].parametrizations.weight.original.zero_()
    assert compressed[0].weight.any()


def test_baking_or_compressing_a_copy_further_leaves_the_network_it_came_from():
    """Torch would let deep copies share the class that holds their parametrized weights."""
    compressed = compress(tiny.plain(), recipes.quantize(3))
    before = compressed(torch.ones(1, 12))
    bake(deepcopy(compressed))
    channels = PruneStep(sparsity=0.3, pruner="channels")
    further = compress(compressed, Recipe(steps=(channels,)))
    assert further(torch.ones(1, 12)).shape == (1, 3)
    assert torch.equal(compressed(torch.ones(1, 12)), before)


def test_a_compressed_network_can_be_pickled_whole():
    compressed = compress(tiny.network(), recipes.joint(3, 0.5)).eval()
    frames = torch.from_numpy(tiny.frame_data().train_frames).float()
    loaded = pickle.loads(pickle.dumps(compressed))
    assert torch.equal(loaded(frames), compressed(frames))
    assert [type(module).__name__ for module in loaded.modules()] == [
        type(module).__name__ for module in compressed.modules()
    ]
    bake(pickle.loads(pickle.dumps(loaded)))
    assert torch.equal(loaded(frames), compressed(frames))


def test_a_state_dict_goes_into_another_compression_by_the_same_recipe():
    recipe = recipes.joint(3, 0.5)
    first, second = compress(tiny.plain(1), recipe).eval(), compress(tiny.plain(2), recipe).eval()
    second.load_state_dict(first.state_dict())
    assert torch.equal(second[0].weight, first[0].weight)


def test_pruned_weights_get_no_gradient_and_scales_do():
    compressed = compress(tiny.plain(), recipes.joint(3, 0.5))
    compressed(torch.randn(4, 12)).square().sum().backward()
    held = compressed[0].parametrizations.weight
    assert not held.original.grad[held[0].mask == 0].any()
    assert held.original.grad[held[0].mask == 1].any()
    assert held[0].quantizer.log_clip.grad.any()


def test_a_channel_pruned_away_does_not_break_training():
    """Per-channel scales of a channel without live weights stay finite while the others learn."""
    network = tiny.plain()
    network[0].weight.data[0] *= 1e-3
    steps = (PruneStep(sparsity=0.5), QuantizeStep(bits=4, granularity="per_channel"))
    compressed = compress(network, Recipe(steps=steps))
    assert not compressed[0].weight[0].any()
    optimizer = torch.optim.Adam(compressed.parameters(), lr=0.1)
    for _ in range(3):
        compressed(torch.randn(4, 12)).square().sum().backward()
        optimizer.step()
    assert all(torch.isfinite(parameter).all() for parameter in compressed.parameters())


def test_global_and_per_layer_ranking_differ():
    network = tiny.plain()
    network[2].weight.data *= 10
    by_scope = {
        scope: [layer.sparsity for layer in compression_report(compress(network, _pruned(scope)))]
        for scope in ("global", "per_layer")
    }
    assert by_scope["per_layer"] == [0.5, 0.5]
    first, last = by_scope["global"]
    assert first > 0.5 > last
    assert first * 96 + last * 24 == 60


def _pruned(scope):
    return Recipe(steps=(PruneStep(sparsity=0.5, scope=scope),))


def test_only_the_layers_asked_for_are_touched():
    recipe = Recipe(
        steps=(TERNARY,), layers=LayerFilter(include=("features.*", "readout.*"), exclude=("features.*",))
    )
    report = {layer.name: layer for layer in compression_report(compress(tiny.network(), recipe))}
    assert {name: layer.bits for name, layer in report.items()} == {
        "features.0.conv": 32,
        "readout.0.linear": 2,
    }


def test_a_pattern_that_matches_no_layer():
    filter_ = LayerFilter(include=("conv*", "0"), exclude=("fc",))
    have = "The network has 0, 2."
    assert message(Recipe(steps=(TERNARY,), layers=filter_)).splitlines() == [
        f"recipe.layers.include[0]: got 'conv*'; expected a pattern that matches a layer. {have}",
        f"recipe.layers.exclude[0]: got 'fc'; expected a pattern that matches a layer. {have}",
    ]


def test_a_filter_that_leaves_nothing():
    text = message(Recipe(steps=(TERNARY,), layers=LayerFilter(exclude=("*",))))
    assert text == "recipe.layers: got no layer; expected at least one layer to touch. The network has 0, 2."


KINDS_AND_PLACES = [
    ({"types": ("linear",)}, ["readout.0.linear"]),
    ({"types": ("conv2d",)}, ["features.0.conv"]),
    ({"first": False}, ["readout.0.linear"]),
    ({"last": False}, ["features.0.conv"]),
]


@pytest.mark.parametrize(("rule", "touched"), KINDS_AND_PLACES, ids=str)
def test_layers_by_kind_and_place(rule, touched):
    report = compression_report(
        compress(tiny.network(), Recipe(steps=(TERNARY,), layers=LayerFilter(**rule)))
    )
    assert [layer.name for layer in report if layer.bits == 2] == touched


def test_kinds_and_places_that_are_not_there():
    filter_ = LayerFilter(types=("conv1d", "linear", "conv2d"), exclude=("fc",))
    assert message(Recipe(steps=(TERNARY,), layers=filter_)).splitlines() == [
        "recipe.layers.exclude[0]: got 'fc'; expected a pattern that matches a layer. The network has 0, 2.",
        "recipe.layers.types[0]: got 'conv1d'; expected a kind of layer the network has. It has linear.",
        "recipe.layers.types[2]: got 'conv2d'; expected a kind of layer the network has. It has linear.",
    ]


class Bare(nn.Module):
    """Weights that are parameters without a layer around them, as recurrent cells of Norse hold them."""

    def __init__(self):
        super().__init__()
        self.cells = nn.ParameterList(nn.Parameter(torch.ones(3, 3)) for _ in range(4))
        self.bias = nn.Parameter(torch.ones(3))


@pytest.mark.parametrize("step", [PRUNE, TERNARY, PruneStep(sparsity=0.5, scope="per_layer")])
@pytest.mark.parametrize(
    ("network", "got"),
    [(nn.ReLU(), "no weight"), (Bare(), "only cells.0, cells.1, cells.2 and 1 more")],
    ids=["nothing", "parameters alone"],
)
def test_a_network_without_layers(network, got, step):
    assert message(Recipe(name="r", steps=(step,)), network) == (
        f"recipe.layers: got {got}; expected at least one convolution or dense layer. "
        "Recipes compress weights of such modules. Write them as layers."
    )


def test_a_layer_that_would_lose_all_its_weights():
    network = tiny.plain()
    network[2].weight.data *= 1e-6
    text = message(Recipe(steps=(PruneStep(sparsity=0.5),)), network)
    expected = "recipe.steps[0].sparsity: got 0.5; expected a sparsity that leaves weights in every layer"
    cure = "Set 'floor' to the least share a layer keeps, say 0.05, or prune less, or exclude these layers."
    assert text == f"{expected}, not none in 2. {cure}"


def test_a_floor_keeps_the_layer_and_the_number():
    network = tiny.plain()
    network[2].weight.data *= 1e-6
    first, last = compression_report(compress(network, Recipe(steps=(PruneStep(sparsity=0.5, floor=0.25),))))
    assert round((1 - last.sparsity) * 24) == 6
    assert round(first.sparsity * 96) + 18 == 60


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (recipes.prune(0.5), "layers 0, 2: got a mask; expected weights without a mask."),
        (recipes.quantize(4), "layers 0, 2: got a quantizer; expected weights without one."),
    ],
)
def test_compressing_twice(recipe, expected):
    once = compress(tiny.plain(), recipe)
    assert message(recipe, once) == f"{expected} Start from the uncompressed network."


def test_a_width_the_quantizer_has_no_codes_for():
    text = message(Recipe(steps=(QuantizeStep(bits=1),)))
    cure = "Use quantizer 'sign' for binary weights."
    assert text == f"quantizer 'learned_clip'.bits: got 1; expected 2 to 16 bits. {cure}"


@pytest.mark.parametrize(
    "step",
    [
        QuantizeStep(bits=1, start=0.5),
        QuantizeStep(bits=4, quantizer="learned_clop", start=0.5),
        PruneStep(sparsity=0.5, pruner="magnitud", start=0.5),
    ],
    ids=str,
)
def test_what_fails_in_the_middle_of_a_training_fails_before_it(step):
    epochs = []
    recipe = Recipe(steps=(step,), training=TrainingPlan(epochs=4))
    with pytest.raises((ConfigError, UnknownName)):
        compress_and_train(tiny.network(), recipe, tiny.frame_data(), on_epoch=epochs.append)
    assert epochs == []


def test_the_report_says_what_compression_did():
    network = nn.Sequential(nn.Linear(5, 3))
    network[0].weight.data = torch.tensor([[0.0, 0, 0, 0, 1], [2, 2, 2, 2, 2], [-1, 0, 1, 2, 3]])
    (plain,) = compression_report(network)
    assert (plain.name, plain.shape, plain.bits, plain.bytes) == ("0", (3, 5), 32, 60)
    assert (plain.levels, plain.sparsity) == (5, pytest.approx(1 / 3))
    (stored,) = compression_report(compress(network, recipes.quantize(3)))
    assert stored.bytes == 6  # 45 bits
    assert weight_bits(compress(network, recipes.quantize(3))[0]) == 3


def test_the_dense_recipe_of_the_study_trains_nothing():
    network = tiny.network()
    same = compress_and_train(network, recipes.dense(), tiny.frame_data())
    assert state_bytes(same) == state_bytes(network)


def test_a_trained_compression_keeps_its_promises():
    training = TrainingPlan(epochs=3, batch_size=4)
    recipe = recipes.joint(2, 0.6).model_copy(update={"training": training})
    network = tiny.network()
    before = state_bytes(network)
    compressed = compress_and_train(network, recipe, tiny.frame_data())
    assert state_bytes(network) == before
    assert not compressed.training
    report = compression_report(compressed)
    assert all(layer.levels <= 3 for layer in report)
    total = sum(torch.Size(layer.shape).numel() for layer in report)
    assert sum(layer.sparsity * torch.Size(layer.shape).numel() for layer in report) >= 0.6 * total - 0.5
