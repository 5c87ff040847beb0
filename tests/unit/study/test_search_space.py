"""From a space, as data, to variables, points and recipes."""

import pytest

from spareto.core.errors import ConfigError
from spareto.records import PruneStep, QuantizeStep, Recipe, TrainingPlan
from spareto.study.config import StudyConfig
from spareto.study.search.fronts import first_fronts, largest
from spareto.study.search.recipes import recipe_of
from spareto.study.search.space import Space

LAYERS = ["features.0.conv", "features.1.conv", "readout.0.linear"]
PLAN = TrainingPlan(epochs=4)


def made(space: dict, point: dict, base=None) -> Recipe:
    return recipe_of(point, Space.parse(space, "space").variables(LAYERS), base or {}, PLAN)


def test_a_span_is_the_list_it_means() -> None:
    spans = {"sparsity": {"from": 0.0, "to": 0.9, "step": 0.3}, "bits": {"from": 2, "to": 8, "step": 2}}
    space = Space.parse(spans, "space")
    assert space.sparsity == (0.0, 0.3, 0.6, 0.9)
    assert space.bits == (2, 4, 6, 8)
    assert all(isinstance(bits, int) for bits in space.bits)


NO_SPANS = [
    {"from": 0, "to": 0.95, "step": 0.1},
    {"from": 0, "to": 1, "step": 0},
    {"from": 0, "to": 1},
    {"from": None, "to": 1, "step": 1},
    {"from": 1, "to": 0, "step": 0.5},
    {"from": 0, "to": 1e9, "step": 1e-9},
]


@pytest.mark.parametrize("domain", [[], 3, "4", [2, 2], *NO_SPANS])
def test_a_domain_that_means_nothing_is_refused_with_examples(domain) -> None:
    with pytest.raises(ConfigError, match=r"^space\.bits: got .*Write \[2, 4, 8\]"):
        Space.parse({"bits": domain}, "space")


def test_variables_global_by_pattern_and_one_a_layer() -> None:
    space = {
        "order": ["quantize_then_mask", "mask_then_quantize"],
        "fields": {"training.learning_rate": [0.01, 0.001]},
        "layers": {"features.*": {"bits": [4, 8]}},
        "each_layer": {"bits": [2, 4], "sparsity": [0.0, 0.5]},
    }
    names = [variable.name for variable in Space.parse(space, "space").variables(LAYERS)]
    readout = ["readout.0.linear:bits", "readout.0.linear:sparsity"]
    assert names == ["order", "training.learning_rate", "features.*:bits", *readout]


def test_a_pattern_without_a_layer_and_an_empty_space_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"space\.layers\.conv\*: got no layer.*features\.0\.conv"):
        Space.parse({"layers": {"conv*": {"bits": [4]}}}, "space").variables(LAYERS)
    with pytest.raises(ConfigError, match=r"study\.search\.space: got nothing to choose"):
        Space().variables(LAYERS)


def test_numbers_in_order_are_neighbours_and_names_are_not() -> None:
    space = {"bits": [8, 4, 2], "sparsity": [0.0, 0.9, 0.5], "pruner": ["magnitude", "random"]}
    ordered = {v.name: v.ordered for v in Space.parse(space, "space").variables(LAYERS)}
    assert ordered == {"bits": True, "sparsity": False, "pruner": False}


GLOBAL = {
    "bits": [2, 4, 32],
    "sparsity": [0.0, 0.5],
    "start": [0.0, 0.5],
    "pruner": ["magnitude", "channels norm=l2"],
}


@pytest.mark.parametrize(
    ("bits", "sparsity", "start", "label"),
    [
        (4, 0.5, 0.0, "joint 4 bit 50 %"),
        (4, 0.5, 0.5, "cumulative 4 bit 50 %"),
        (4, 0.0, 0.5, "quantize 4 bit"),
        (32, 0.5, 0.5, "prune 8 bit 50 %"),
        (32, 0.0, 0.5, "dense float"),
    ],
)
def test_the_regimes_are_points_of_a_space(bits, sparsity, start, label) -> None:
    point = {"bits": bits, "sparsity": sparsity, "start": start, "pruner": "magnitude"}
    assert made(GLOBAL, point).label == label


def test_points_that_mean_one_network_give_one_recipe() -> None:
    """Where nothing is pruned, neither pruner nor start matters; where nothing is done, nothing does."""
    base = {"bits": 4, "sparsity": 0.0, "start": 0.0, "pruner": "magnitude"}
    same = [base, {**base, "start": 0.5}, {**base, "pruner": "channels norm=l2"}]
    assert len({made(GLOBAL, point).hash for point in same}) == 1
    dense = [{**point, "bits": 32} for point in same]
    assert {made(GLOBAL, point).regime for point in dense} == {"dense"}
    assert len({made(GLOBAL, point).hash for point in dense}) == 1


def test_options_stand_behind_a_pruners_name() -> None:
    recipe = made(GLOBAL, {"bits": 4, "sparsity": 0.5, "start": 0.0, "pruner": "channels norm=l2"})
    assert (recipe.prune_step.pruner, recipe.prune_step.options) == ("channels", {"norm": "l2"})


def test_layers_of_their_own() -> None:
    pruners = ["magnitude", "channels norm=l2"]
    space = {"each_layer": {"bits": [2, 4], "sparsity": [0.0, 0.5], "pruner": pruners}}
    point = {f"{layer}:bits": bits for layer, bits in zip(LAYERS, (2, 4, 2), strict=True)}
    point |= {f"{layer}:sparsity": share for layer, share in zip(LAYERS, (0.5, 0.0, 0.5), strict=True)}
    point |= {f"{layer}:pruner": "channels norm=l2" for layer in LAYERS}
    recipe = made(space, point)
    assert [(own.layers, own.bits) for own in recipe.quantize_step.layer_bits] == list(
        zip(LAYERS, (2, 4, 2), strict=True)
    )
    pruned = recipe.prune_step.layer_sparsity
    assert [own.sparsity for own in pruned] == [0.5, 0.0, 0.5]
    assert [own.pruner for own in pruned] == ["channels", None, "channels"]
    assert pruned[0].options == {"norm": "l2"}


def test_any_field_of_a_recipe_and_what_is_the_same_for_all() -> None:
    chosen = {"quantize.rounding": "ewgs", "training.learning_rate": 0.01, "layers.first": False}
    space = {"bits": [4], "fields": {path: [value] for path, value in chosen.items()}}
    base = {"quantize": {"bias_bits": 8}, "prune": {"sparsity": 0.5, "scope": "per_layer"}}
    recipe = made(space, {"bits": 4, **chosen}, base)
    assert isinstance(recipe.steps[0], PruneStep)
    assert isinstance(recipe.quantize_step, QuantizeStep)
    assert (recipe.quantize_step.rounding, recipe.quantize_step.bias_bits) == ("ewgs", 8)
    assert (recipe.training.learning_rate, recipe.training.epochs) == (0.01, 4)
    assert (recipe.layers.first, recipe.prune_step.scope) == (False, "per_layer")


def test_a_point_that_means_no_recipe_is_refused() -> None:
    with pytest.raises(ConfigError, match="17"):
        made({"bits": [17]}, {"bits": 17})
    with pytest.raises(ConfigError, match="unknown key"):
        made({"bits": [4], "fields": {"quantize.rouding": ["ewgs"]}}, {"bits": 4, "quantize.rouding": "ewgs"})


def test_a_study_has_a_list_or_a_search() -> None:
    grid = [{"regime": "quantize", "bits": [4]}]
    with pytest.raises(ConfigError, match="a search, or a grid and recipes, but not both"):
        StudyConfig.parse({"name": "x", "grid": grid, "search": {"space": {"bits": [4]}}}, "study")


def test_fronts_behind_fronts() -> None:
    points = [(0.9, 5.0), (0.8, 6.0), (0.95, 9.0), (0.9, 5.0), (0.5, 7.0)]
    assert first_fronts(points, ["max", "min"], 2) == [0, 2]
    assert first_fronts(points, ["max", "min"], 3) == [0, 2, 1]
    assert first_fronts(points, ["max", "min"], 9) == [0, 2, 1, 4]  # a duplicate stands once


def test_few_stand_for_many() -> None:
    line = [(float(place), float(place)) for place in range(11)]
    few = largest(line, ["max", "min"], 3)
    assert len(few) == 3
    assert min(abs(place - 5) for place in few) <= 2  # not three from one end
    assert largest(line[:2], ["max", "min"], 3) == [0, 1]
