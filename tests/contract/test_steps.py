"""Every registered recipe step keeps the laws; a new file in compression/steps/ is tested here unasked."""

import pytest

import tiny
from spareto.compression.steps import registry
from spareto.records import Recipe
from spareto.records.steps import registry as plans
from spareto.testing import steps as laws

RECIPES = [
    Recipe(steps=(plans.get(name)(**fields),))
    for name in plans.names()
    for fields in plans.get(name).examples
]


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


@pytest.mark.parametrize("name", plans.names())
def test_every_step_says_what_recipes_and_schemas_need(name):
    laws.check_plan(plans.get(name), name)


def test_every_step_is_read_and_carried_out():
    assert plans.names() == registry.names()
