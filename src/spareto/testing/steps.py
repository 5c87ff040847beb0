"""What every recipe step must keep, as functions: call them from the tests of your own step."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

from spareto.compression import compress
from spareto.compression.schema import recipe_schema
from spareto.core.errors import ConfigError
from spareto.records import Recipe
from spareto.records.steps import StepPlan


def check_plan(plan: type[StepPlan], name: str) -> None:
    """A step's record is called like its file, names a regime, explains its fields, and survives a file."""
    assert plan.model_fields["kind"].default == name, f"the file '{name}' holds a step of another kind"
    assert plan.regime, f"step '{name}' names no regime"
    assert plan.examples, f"step '{name}' has no example, so that nothing tests it"
    about = recipe_schema()["$defs"][plan.__name__]
    for field, said in about["properties"].items():
        assert field == "kind" or said.get("description"), f"step '{name}' does not explain {field}"
    for fields in plan.examples:
        recipe = Recipe(steps=(plan(**fields),))
        again = Recipe.parse(recipe.to_dict(), "recipe")
        assert (again, again.hash) == (recipe, recipe.hash), f"{recipe} came back as {again}"
        assert recipe.label, f"{recipe} has no label"


def state_bytes(network: nn.Module) -> dict[str, bytes]:
    """Every tensor of a network's state dict, as bytes."""
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}


def check_network_unchanged(network: nn.Module, recipe: Recipe) -> None:
    """The caller's network keeps its weights to the bit, and its layers their plain weights."""
    before, training = state_bytes(network), network.training
    compressed = compress(network, recipe)
    assert compressed is not network, "the caller's network came back instead of a copy"
    assert state_bytes(network) == before, "the caller's network changed"
    assert network.training == training, "the caller's network changed its mode"
    assert not any(parametrize.is_parametrized(module) for module in network.modules())


def check_repeatable(network: nn.Module, recipe: Recipe) -> None:
    """The same recipe on the same network gives the same bytes."""
    first, second = compress(network, recipe), compress(network, recipe)
    assert state_bytes(first) == state_bytes(second), "the second compression differs from the first"


def check_layers_stay(network: nn.Module, recipe: Recipe) -> None:
    """Names and classes of the layers stay, as other frameworks' code looks for them."""
    compressed = dict(compress(network, recipe).named_modules())
    for name, module in network.named_modules():
        assert isinstance(compressed[name], type(module)), f"layer '{name}' changed its class"


def check_refused_twice(network: nn.Module, recipe: Recipe) -> None:
    """A step on layers that it already compressed is refused, with the layers and a cure."""
    once = compress(network, recipe)
    try:
        compress(once, recipe)
    except ConfigError as error:
        for problem in error.problems:
            assert problem.where, f"no place in: {problem}"
            assert problem.cure, f"no cure in: {problem}"
    else:
        raise AssertionError("compressed twice without an error")
