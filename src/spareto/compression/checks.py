"""Networks that cannot be compressed, refused by name before anything is done to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from spareto.compression.foreign import own_parametrization
from spareto.compression.layers import synaptic_layers
from spareto.compression.tensors import originals
from spareto.compression.ties import shared_with
from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import claimed_buffers
from spareto.records import Recipe
from spareto.running import refuse_no_module

WIDTHS: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def refuse_unfit(network: nn.Module) -> None:
    """Refuse what is no network, lazy layers without weights, numbers that are not finite or not real.

    Raises:
        ConfigError: Names every such tensor.
    """
    refuse_no_module(network)
    problems = [*_lazy(network)]
    if not problems:
        problems = [*_not_finite(network), *_not_real(network), *_one_memory(network)]
    ConfigError.if_any(problems)


def refuse_claimed(network: nn.Module) -> None:
    """Refuse masks and the like inside neurons that would take them for their state.

    Raises:
        ConfigError: Names every such layer.
    """
    owners = {
        inner.partition(".parametrizations")[0]: neuron for inner, neuron, _ in claimed_buffers(network)
    }
    ConfigError.if_any(
        Problem(
            f"layer '{name}'",
            f"a layer inside of {type(neuron).__name__}, which takes its masks and scales for neuron states",
            "a layer outside of such neurons",
            f"Leave it out: layers.exclude: ['{name}'] in the recipe.",
        )
        for name, neuron in owners.items()
    )


def epoch_of(share: float, recipe: Recipe) -> int:
    """The epoch of a recipe's training before which a step that starts at this share begins."""
    return int(share * recipe.training.epochs + 1e-9)


def refuse_merged_starts(recipe: Recipe) -> None:
    """Refuse a training too short to prune first and quantize later.

    Raises:
        ConfigError: Both would begin before the same epoch.
    """
    prune, quantize, epochs = recipe.prune_step, recipe.quantize_step, recipe.training.epochs
    if prune is None or quantize is None or recipe.regime != "cumulative" or not epochs:
        return
    begin = epoch_of(prune.start, recipe)
    if epoch_of(quantize.start, recipe) == begin:
        got = f"{epochs} {'epoch' if epochs == 1 else 'epochs'}"
        rule = f"enough for an epoch between the starts {prune.start:g} and {quantize.start:g}"
        cure = "Train longer, or let both steps start together."
        raise ConfigError(Problem("recipe.training.epochs", got, rule, cure))


def refuse_ties_below(network: nn.Module, layers: Mapping[str, nn.Module]) -> None:
    """Refuse weights that are shared below spectral norm and the like: the layers compute different ones.

    Raises:
        ConfigError: Names every such layer.
    """
    ConfigError.if_any(
        Problem(
            f"layer '{name}'",
            f"{own} on a weight it shares with '{others[0]}'",
            "a shared weight without parametrizations of its own",
            "Exclude both layers in recipe.layers, or give each its own weight.",
        )
        for name, layer in layers.items()
        if (others := shared_with(network, layer))
        for own in [_any_own(network, layer, others)]
        if own
    )


def _any_own(network: nn.Module, layer: nn.Module, others: list[str]) -> str:
    owners = [layer, *(network.get_submodule(other) for other in others)]
    return next((own for owner in owners if (own := own_parametrization(owner))), "")


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and the statistics of norms; other buffers may be neuron states."""
    yield from network.named_parameters()
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            yield from module.named_buffers(name, recurse=False)


def _lazy(network: nn.Module) -> Iterator[Problem]:
    names = dict.fromkeys(key.rpartition(".")[0] for key, value in _tensors(network) if is_lazy(value))
    for name in names:
        cure = "Run the network once on a sample first."
        yield Problem(f"layer '{name}'", "a lazy layer that has not run yet", "weights with a shape", cure)


def _not_finite(network: nn.Module) -> Iterator[Problem]:
    for key, value in _tensors(network):
        if value.is_floating_point() and not value.is_meta:
            wrong = int((~torch.isfinite(value.detach())).sum())
            if wrong:
                name, _, tensor = key.rpartition(".")
                got = f"{wrong} of {value.numel()} values that are not finite"
                cure = "Train it again with a lower learning rate, or load other weights."
                yield Problem(f"layer '{name}', {tensor}", got, "finite numbers", cure)


def _not_real(network: nn.Module) -> Iterator[Problem]:
    for name, layer in synaptic_layers(network).items():
        for value in originals(layer):
            if value.dtype not in WIDTHS:
                rule = "floating point of 16, 32 or 64 bits"
                cure = "Convert the network with .float(), or exclude it from compression."
                yield Problem(f"layer '{name}'", f"weights of type {value.dtype}", rule, cure)


def _one_memory(network: nn.Module) -> Iterator[Problem]:
    """Two weights in one memory: a step on one moves the other, and a copy would part them."""
    seen: dict[Any, tuple[str, Tensor]] = {}
    for name, layer in synaptic_layers(network).items():
        weight = originals(layer)[-1]
        if weight.is_meta or not weight.numel():
            continue
        other, parameter = seen.setdefault((weight.device, weight.data_ptr()), (name, weight))
        if parameter is not weight:
            got = f"a weight in the memory of layer '{other}' that is another parameter"
            cure = "Assign the parameter itself, a.weight = b.weight, so that it stays shared."
            yield Problem(f"layer '{name}'", got, "one parameter, or memory of its own", cure)
