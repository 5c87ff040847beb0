"""Which layers of a network a recipe touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from torch import nn

from spareto.compression.ties import aliases, groups, refuse_half_touched, shared_with
from spareto.core.errors import ConfigError, Problem
from spareto.records import LayerFilter
from spareto.records.recipe import LayerType


class LayerKind(NamedTuple):
    """A kind of layer whose weights a recipe can touch.

    Args:
        name: What recipes call it.
        axis: Axis of the channels in what it is given and in what it gives, counted from the end.
        sizes: Names of the attributes that tell how many outputs and inputs it has.
    """

    name: LayerType
    axis: int
    sizes: tuple[str, str]


SYNAPTIC: Final[dict[type[nn.Module], LayerKind]] = {
    nn.Conv1d: LayerKind("conv1d", -2, ("out_channels", "in_channels")),
    nn.Conv2d: LayerKind("conv2d", -3, ("out_channels", "in_channels")),
    nn.Linear: LayerKind("linear", -1, ("out_features", "in_features")),
}


def synaptic_layers(network: nn.Module) -> dict[str, nn.Module]:
    """All convolution and dense layers, by dotted name, in the order they were defined.

    A layer inside a parametrization computes weights, not activations: it is none of them.
    """
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, tuple(SYNAPTIC)) and "parametrizations" not in name.split(".")
    }


def kind_of(layer: nn.Module | None) -> LayerKind | None:
    """The kind of a convolution or dense layer; None of any other module."""
    return next((kind for cls, kind in SYNAPTIC.items() if isinstance(layer, cls)), None)


def layer_type(layer: nn.Module) -> LayerType:
    """What recipes call a layer's kind."""
    kind = kind_of(layer)
    assert kind is not None, "asked of convolutions and dense layers alone"
    return kind.name


def channel_axis(layer: nn.Module) -> int:
    """Axis of the channels in what a convolution or dense layer is given and gives, counted from the end."""
    kind = kind_of(layer)
    assert kind is not None, "asked of convolutions and dense layers alone"
    return kind.axis


def touched_layers(network: nn.Module, filter_: LayerFilter) -> dict[str, nn.Module]:
    """The synaptic layers a filter includes and does not exclude; of those that share a weight, the first.

    A layer that has several names is meant by each of them.

    Raises:
        ConfigError: A pattern matches no layer, there is no layer of a kind, nothing is left, or only some of
            the layers that share a weight are.
    """
    layers, also = synaptic_layers(network), aliases(network)
    if not layers:
        got, rule = _weights_of(network), "at least one convolution or dense layer"
        cure = "Recipes compress weights of such modules. Write them as layers."
        raise ConfigError(Problem("recipe.layers", got, rule, cure))
    names = {name: [name, *also.get(name, [])] for name in layers}
    ConfigError.if_any([*_unmatched(filter_, names), *_unknown_types(filter_, layers)])
    barred = {*([] if filter_.first else list(layers)[:1]), *([] if filter_.last else list(layers)[-1:])}
    touched = {
        name: layer
        for name, layer in layers.items()
        if name not in barred
        and (not filter_.types or layer_type(layer) in filter_.types)
        and any(_matches(names[name], pattern) for pattern in filter_.include)
        and not any(_matches(names[name], pattern) for pattern in filter_.exclude)
    }
    if not touched:
        raise ConfigError(Problem("recipe.layers", "no layer", "at least one layer to touch", _have(layers)))
    refuse_half_touched(network, touched, set(layers))
    return {group[0]: touched[group[0]] for group in groups(touched)}


def _weights_of(network: nn.Module) -> str:
    names = [name for name, weight in network.named_parameters() if weight.dim() > 1]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"only {', '.join(names[:3])}{more}" if names else "no weight"


def all_names(network: nn.Module, layer: str) -> list[str]:
    """Every dotted name of a layer, and of the layers that share its weight."""
    also = aliases(network)
    module = network.get_submodule(layer)
    return [each for name in [layer, *shared_with(network, module)] for each in [name, *also.get(name, [])]]


def _matches(names: Iterable[str], pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _unmatched(filter_: LayerFilter, layers: dict[str, list[str]]) -> Iterator[Problem]:
    for field, patterns in (("include", filter_.include), ("exclude", filter_.exclude)):
        for index, pattern in enumerate(patterns):
            if not any(_matches(names, pattern) for names in layers.values()):
                where, rule = f"recipe.layers.{field}[{index}]", "a pattern that matches a layer"
                yield Problem(where, repr(pattern), rule, _have(layers))


def _unknown_types(filter_: LayerFilter, layers: dict[str, nn.Module]) -> Iterator[Problem]:
    present = sorted({layer_type(layer) for layer in layers.values()})
    for index, kind in enumerate(filter_.types):
        if present and kind not in present:
            where, cure = f"recipe.layers.types[{index}]", f"It has {', '.join(present)}."
            yield Problem(where, repr(kind), "a kind of layer the network has", cure)


def _have(layers: Iterable[str]) -> str:
    names = ", ".join(layers)
    return f"The network has {names}." if names else "The network has no such layer."
