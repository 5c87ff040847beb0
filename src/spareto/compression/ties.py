"""Weights that several modules share: one parameter under several names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from spareto.compression.tensors import original
from spareto.core.errors import ConfigError, Problem

Holder = tuple[str, nn.Module, str]
"""Dotted name of a module, the module, and the name of its tensor."""


def holders(network: nn.Module, layer: nn.Module, tensor: str = "weight") -> list[Holder]:
    """Everything in a network that holds the very parameter a layer holds, the layer itself included."""
    wanted = original(layer, tensor)
    found = [holder for holder in _held(network) if _parameter(holder) is wanted]
    return found if any(module is layer for _, module, _ in found) else [("", layer, tensor), *found]


def shared_with(network: nn.Module, layer: nn.Module, tensor: str = "weight") -> list[str]:
    """Names of the other modules that hold a layer's parameter."""
    return [name for name, module, _ in holders(network, layer, tensor) if module is not layer]


def groups(layers: Mapping[str, nn.Module]) -> list[list[str]]:
    """The names of layers, those that share one weight together, in the order of their first."""
    by_weight: dict[int, list[str]] = {}
    for name, layer in layers.items():
        by_weight.setdefault(id(original(layer, "weight")), []).append(name)
    return list(by_weight.values())


def aliases(network: nn.Module) -> dict[str, list[str]]:
    """Every other dotted name of a module that is registered under several, by its first name."""
    first: dict[nn.Module, str] = {}
    others: dict[str, list[str]] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        if module in first:
            others.setdefault(first[module], []).append(name)
        else:
            first[module] = name
    return others


def refuse_half_touched(network: nn.Module, touched: Mapping[str, nn.Module], layers: set[str]) -> None:
    """Refuse a recipe that touches some layers of a shared weight and not the others.

    Raises:
        ConfigError: Names every such pair.
    """
    ConfigError.if_any(
        Problem(
            f"layer '{name}'",
            f"a weight it shares with '{other}', which the recipe leaves out",
            "layers of one weight touched together, or not at all",
            "Include both in recipe.layers, or exclude both.",
        )
        for name, layer in touched.items()
        for other in shared_with(network, layer)
        if other in layers and other not in touched
    )


def _held(network: nn.Module) -> Iterator[Holder]:
    for name, module in network.named_modules():
        if isinstance(module, parametrize.ParametrizationList):
            continue  # it holds the parameter for the module around it
        for tensor in module._parameters:
            yield name, module, tensor
        chains: Any = module.parametrizations if parametrize.is_parametrized(module) else {}
        for tensor in chains:
            yield name, module, tensor


def _parameter(holder: Holder) -> Any:
    _, module, tensor = holder
    return original(module, tensor)
