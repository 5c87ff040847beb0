"""Which layers of a network a recipe touches."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import nn

from spareto.core.errors import ConfigError, Problem
from spareto.records import LayerFilter

SYNAPTIC = (nn.Conv1d, nn.Conv2d, nn.Linear)


def synaptic_layers(network: nn.Module) -> dict[str, nn.Module]:
    """All convolution and dense layers, by dotted name, in the order they were defined."""
    return {name: module for name, module in network.named_modules() if isinstance(module, SYNAPTIC)}


def touched_layers(network: nn.Module, filter_: LayerFilter) -> dict[str, nn.Module]:
    """The synaptic layers a filter includes and does not exclude.

    Raises:
        ConfigError: A pattern matches no layer, or nothing is left.
    """
    layers = synaptic_layers(network)
    problems = [
        Problem(
            f"recipe.layers.{field}[{index}]", repr(pattern), "a pattern that matches a layer", _have(layers)
        )
        for field, patterns in (("include", filter_.include), ("exclude", filter_.exclude))
        for index, pattern in enumerate(patterns)
        if not any(fnmatchcase(name, pattern) for name in layers)
    ]
    if problems:
        raise ConfigError(problems)
    touched = {
        name: layer
        for name, layer in layers.items()
        if any(fnmatchcase(name, pattern) for pattern in filter_.include)
        and not any(fnmatchcase(name, pattern) for pattern in filter_.exclude)
    }
    if not touched:
        raise ConfigError(Problem("recipe.layers", "no layer", "at least one layer to touch", _have(layers)))
    return touched


def _have(layers: dict[str, nn.Module]) -> str:
    return f"The network has {', '.join(layers)}." if layers else "The network has no such layer."
