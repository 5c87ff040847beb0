"""Every registered recipe step keeps the laws; a new file in compression/steps/ is tested here unasked."""

from typing import get_args

import pytest

import tiny
from spareto.compression.steps import registry
from spareto.records import EpitomeStep, PruneStep, QuantizeStep, Recipe
from spareto.records.recipe import Step
from spareto.testing import steps as laws

PLANS = {
    "epitome": [
        EpitomeStep(rows=9, columns=2),
        EpitomeStep(columns=2, margin=1, output_share=0.5, wrap=False),
    ],
    "prune": [PruneStep(sparsity=0.5), PruneStep(sparsity=0.3, pruner="random", scope="per_layer")],
    "quantize": [QuantizeStep(bits=2), QuantizeStep(bits=1, quantizer="sign", granularity="per_channel")],
}
RECIPES = [Recipe(steps=(plan,)) for name in registry.names() for plan in PLANS[name]]


@pytest.fixture(params=RECIPES, ids=lambda recipe: f"{recipe.regime}-{recipe.hash[:4]}")
def recipe(request):
    return request.param


@pytest.fixture(params=[tiny.network, tiny.plain], ids=["spiking", "plain"])
def network(request):
    return request.param()


def test_the_callers_network_is_unchanged(network, recipe):
    laws.check_network_unchanged(network, recipe)


def test_same_recipe_same_bytes(network, recipe):
    laws.check_repeatable(network, recipe)


def test_layers_keep_name_and_class(network, recipe):
    laws.check_layers_stay(network, recipe)


def test_compressing_twice_is_refused(network, recipe):
    laws.check_refused_twice(network, recipe)


def test_every_step_of_a_recipe_has_its_file():
    union, _ = get_args(Step)
    assert {plan.model_fields["kind"].default for plan in get_args(union)} == set(registry.names())
