"""Our layers and neurons as plain data, and back: what a constructor takes, and what is inside."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, Final

import torch
from torch import nn

from spareto.converting.functions import Delay, LateBias
from spareto.converting.layers import SteadyDropout
from spareto.converting.neurons._undelayed import Undelayed
from spareto.converting.potentials import Potentials
from spareto.core.constructors import options_of
from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.layers import registry as layers
from spareto.neurons import SpikingNeuron, registry
from spareto.neurons.surrogates import Surrogate
from spareto.neurons.surrogates import registry as surrogates

TORCH: Final = (
    *(nn.Conv1d, nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
    *(nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Unflatten, nn.Identity, nn.ReLU, nn.Sigmoid, nn.Tanh),
    *(nn.LayerNorm, nn.GroupNorm, nn.Upsample, nn.ZeroPad2d),
)
"""Layers of torch whose attributes are what their constructors take."""

CONVERTED: Final = (SteadyDropout, Delay, Undelayed, Potentials)
"""Parts of converted networks."""

_UNSAID: Final = ("device", "dtype", "inplace", "tau", "tau_syn", "tau_adapt", "decay", "slope")
"""Options that say what another option says too, or where tensors lie."""


@cache
def kinds() -> dict[str, type[nn.Module]]:
    """What a description may hold beside neurons, by name: layers of torch, and every layer of ours."""
    ours = map(layers.get, layers.names())
    return {kind.__name__: kind for kind in (nn.Sequential, *TORCH, *CONVERTED, *ours)}


def described(module: nn.Module, place: str) -> dict[str, Any]:
    """A module as data: its kind, what its constructor takes, and the modules in it.

    Args:
        module: A layer or neuron of ours, or a layer of torch.
        place: Its dotted name, for messages.

    Raises:
        ConfigError: It is of a kind that no description has.
    """
    if isinstance(module, LateBias):
        return {"kind": "LateBias", "options": {"features": len(module.bias)}}
    name = _neuron_name(module)
    known = {kind: title for title, kind in kinds().items()}
    kind = f"neuron {name}" if name else known.get(_plain_class(module), "")
    if not kind:
        rule = "layers of spareto, or convolutions, dense layers, norms and poolings of torch"
        cure = "Build the network of these; spareto.save_network keeps others as code."
        raise ConfigError(Problem(f"'{place}'", type(module).__name__, rule, cure))
    if isinstance(module, nn.Sequential):
        parts = {key: described(part, f"{place}.{key}") for key, part in module.named_children()}
        return {"kind": kind, "parts": parts}
    options, parts = dict[str, Any](), dict[str, Any]()
    for option in _options(type(module) if name else kinds()[kind]):
        value = _value_of(module, option)
        if isinstance(value, nn.Module):
            parts[option] = described(value, f"{place}.{option}")
        elif value is not _missing:
            options[option] = value
    return {"kind": kind, "options": options, **({"parts": parts} if parts else {})}


def built(said: dict[str, Any]) -> nn.Module:
    """The module of a description, its tensors not yet set.

    Raises:
        ValueError: The description is not one of ours.
        ConfigError: An option is not allowed.
    """
    kind, options, parts = said["kind"], said.get("options", {}), said.get("parts", {})
    if not isinstance(kind, str) or not isinstance(options, dict) or not isinstance(parts, dict):
        raise ValueError("a description of a layer that is none")
    inner = {name: built(part) for name, part in parts.items()}
    if kind == "LateBias":
        return LateBias(torch.zeros(int(options["features"])))
    found = kinds().get(kind)
    if found is not None and issubclass(found, nn.Sequential):
        made = found()
        for name, part in inner.items():
            made.add_module(name, part)
        return made
    given: dict[str, Any] = {name: _python(value) for name, value in options.items()} | inner
    if kind.startswith("neuron "):
        return registry.make(kind.removeprefix("neuron "), **given)
    if found is None:
        raise ValueError(f"a layer of kind {kind[:40]!r}")
    unknown = set(given) - set(_options(found))
    if unknown:
        raise ValueError(f"{kind} with {min(unknown)[:40]!r}")
    _refuse_other_kinds(found, given)
    return found(**given)


def _refuse_other_kinds(found: type[nn.Module], given: dict[str, Any]) -> None:
    """Torch's constructors take anything for a switch or a word, and fail when the layer runs."""
    for name, parameter in inspect.signature(found).parameters.items():
        for kind in (bool, str):
            if type(parameter.default) is kind and type(given.get(name, parameter.default)) is not kind:
                raise ValueError(
                    f"{found.__name__} with {name} {shown(given[name])}, which is no {kind.__name__}"
                )


_missing: Final = object()


def _value_of(module: Any, option: str) -> Any:
    """What was given to the constructor, as plain data; `_missing` if the default says it."""
    if option == "bias":
        return (module.linear if hasattr(module, "linear") else module).bias is not None
    if option == "features":
        return module.linear.in_features
    if not hasattr(module, option):
        return _missing
    return _plain(getattr(module, option))


def _plain(value: Any) -> Any:
    if isinstance(value, Surrogate):
        name = type(value).__module__.rpartition(".")[2]
        return {"surrogate": name, **{key: item for key, item in vars(value).items() if _is_plain(item)}}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, nn.Module) or _is_plain(value):
        return value
    return float(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _python(value: Any) -> Any:
    if isinstance(value, dict):
        return surrogates.make(value["surrogate"], **{k: v for k, v in value.items() if k != "surrogate"})
    return tuple(_python(item) for item in value) if isinstance(value, list) else value


def _plain_class(module: nn.Module) -> type[nn.Module]:
    """The class of a module, below the one that torch makes for parametrized ones."""
    kind = type(module)
    return kind.__bases__[0] if kind.__name__.startswith("Parametrized") else kind


def _neuron_name(module: nn.Module) -> str:
    """Name of a neuron in our registry; empty for what is none."""
    name = type(module).__module__.rpartition(".")[2]
    known = isinstance(module, SpikingNeuron) and name in registry.names()
    return name if known and registry.get(name) is type(module) else ""


@cache
def _options(kind: type[nn.Module]) -> tuple[str, ...]:
    return tuple(name for name in options_of(kind)[0] if name not in _UNSAID)
