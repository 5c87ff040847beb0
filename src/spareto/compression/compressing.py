"""A recipe, carried out on a network."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from spareto.compression.checks import refuse_claimed, refuse_ties_below, refuse_unfit
from spareto.compression.copies import Module, copy_of
from spareto.compression.foreign import renew
from spareto.compression.layers import synaptic_layers, touched_layers
from spareto.compression.loading import check_loads
from spareto.compression.neurons import change_neurons
from spareto.compression.runs import Run
from spareto.compression.steps import StepContext, registry
from spareto.compression.weight_cache import cache_each_forward
from spareto.core.arguments import of_kind, seed_of
from spareto.core.errors import together
from spareto.records import QuantizeStep, Recipe
from spareto.records.steps import StepPlan


def compress(
    network: Module,
    recipe: Recipe,
    *,
    run: Run | None = None,
    seed: int = 0,
    stored: Collection[str] | None = None,
) -> Module:
    """A compressed copy of a network: every step of the recipe is in force, whatever its start.

    The layers keep their class and name; only their `weight` is parametrized, so optimizers, deep copies
    and other frameworks' time loops go on working. Train the copy to win back accuracy.

    Args:
        network: Any module with convolution or dense layers; left untouched.
        recipe: What to do.
        run: Frames, or a function that runs a network on some and returns the loss; needed by steps that
            look at more than weights.
        seed: Decides what is drawn at random.
        stored: Names in the state dict that will be loaded into the copy. Which batch norms were folded, and
            which go with pruned channels, is then read off them instead of seen on data.

    Returns:
        The compressed copy.

    Raises:
        ConfigError: The recipe does not fit the network.

    Example:
        >>> import torch, spareto
        >>> network = torch.nn.Sequential(torch.nn.Linear(8, 4))
        >>> ternary = spareto.compress(network, spareto.recipes.quantize(bits=2))
        >>> len(ternary[0].weight.unique()) <= 3
        True
    """
    of_kind(network, nn.Module, "network", "a torch.nn.Module")
    of_kind(recipe, Recipe, "recipe", "a Recipe", "Write spareto.recipes.quantize(bits=4).")
    seed_of(seed)
    refuse_unfit(network)
    compressed = copy_of(network)
    begin = partial(_begin, compressed, recipe, run=run, seed=seed, stored=stored)
    together(*(partial(begin, share) for share in recipe.starts))
    store(compressed, recipe)
    return compressed


def begin_steps(
    network: nn.Module,
    recipe: Recipe,
    share: float,
    *,
    run: Run | None = None,
    seed: int = 0,
) -> None:
    """Carry out, in place, the steps that start when `share` of the training is over."""
    _begin(network, recipe, share, run, seed)


def _begin(
    network: nn.Module,
    recipe: Recipe,
    share: float,
    run: Run | None,
    seed: int,
    stored: Collection[str] | None = None,
) -> None:
    """Carry out what can be carried out; one error with the problems of the steps that cannot."""
    layers: dict[str, nn.Module] = synaptic_layers(network)  # if others are asked for that are not there

    def prepare() -> None:
        nonlocal layers
        layers = _prepared(network, recipe)

    def carry_out(index: int, step: StepPlan) -> None:
        if not layers:
            return  # `prepare` says so
        names = None if stored is None else frozenset(stored)
        context = StepContext(network, f"recipe.steps[{index}]", recipe.order, seed, run, names)
        registry.make(step.kind).apply(layers, step, context)

    begun = [(index, step) for index, step in enumerate(recipe.steps) if step.start == share]
    changed = [] if recipe.neurons is None or share else [partial(change_neurons, network, recipe.neurons)]
    together(prepare, *changed, *(partial(carry_out, *each) for each in begun))
    refuse_claimed(network)


def _prepared(network: nn.Module, recipe: Recipe) -> dict[str, nn.Module]:
    """The layers a recipe touches, ready to be compressed; the network caches their weights in a forward."""
    layers = touched_layers(network, recipe.layers)
    refuse_ties_below(network, layers)
    for layer in layers.values():
        renew(layer, recipe.order)
    cache_each_forward(network)
    check_loads(network)
    return layers


def store(network: nn.Module, recipe: Recipe) -> None:
    """Round weights that no step quantizes to the recipe's storage width, in place, after training."""
    if recipe.quantize_step is None and recipe.storage_bits < 32:
        plan = QuantizeStep(quantizer="max_range", bits=recipe.storage_bits)
        context = StepContext(network, "recipe.storage_bits", recipe.order)
        registry.make("quantize").apply(_prepared(network, recipe), plan, context)
