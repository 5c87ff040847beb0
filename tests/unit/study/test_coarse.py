"""The trials of a coarse search, said in the variables of a finer one."""

import factories
from spareto.records import PruneStep, QuantizeStep, Recipe
from spareto.study.search.coarse import refined
from spareto.study.search.space import Variable

NAMES = ("conv1", "fc")


def trial(recipe, shares=(0.5, 0.9)):
    base = factories.trial(recipe)
    layer = base.layers[0]
    layers = tuple(layer.replace(name=n, weight_sparsity=s) for n, s in zip(NAMES, shares, strict=True))
    return base.replace(layers=layers)


def variables(*fields, values):
    return [Variable(f"{layer}:{field}", values[field], layer) for layer in NAMES for field in fields]


JOINT = Recipe(steps=(PruneStep(sparsity=0.8), QuantizeStep(bits=4)))
DOMAINS = {"bits": (2, 4, 8), "sparsity": (0.0, 0.45, 0.85, 0.95)}


def test_each_layer_gets_its_own_share_of_what_pruning_all_together_left() -> None:
    found = refined([trial(JOINT)], variables("bits", "sparsity", values=DOMAINS))
    assert found == [{"conv1:bits": 4, "conv1:sparsity": 0.45, "fc:bits": 4, "fc:sparsity": 0.85}]


def test_zeros_of_the_quantizer_are_not_pruning() -> None:
    found = refined([trial(Recipe(steps=(QuantizeStep(bits=2),)))], variables("sparsity", values=DOMAINS))
    assert found == [{"conv1:sparsity": 0.0, "fc:sparsity": 0.0}]


def test_a_pattern_gets_the_mean_of_its_layers_by_their_weights() -> None:
    (point,) = refined([trial(JOINT)], [Variable("*:sparsity", (0.0, 0.7, 0.9), "*")])
    assert point == {"*:sparsity": 0.7}


def test_equal_points_count_once_and_what_is_not_offered_is_left_open() -> None:
    own = [Variable("quantizer", ("sign",)), Variable("bits", (2, 8))]
    assert refined([trial(JOINT), trial(JOINT)], own) == [{"bits": 2}]
    assert refined([trial(Recipe())], [Variable("pruner", ("magnitude",))]) == []
