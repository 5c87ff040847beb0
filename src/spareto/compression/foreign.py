"""Parametrizations that a network brings along: spectral norm, weight norm, masks of torch's own pruning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from spareto.compression.parametrization import (
    CompressedWeight,
    KeptChannels,
    Order,
    attach,
    own_class,
)

OLD: Final = (SpectralNorm, WeightNorm, prune.BasePruningMethod)
_NAMES: Final = {
    "_SpectralNorm": "spectral norm",
    "SpectralNorm": "spectral norm",
    "_WeightNorm": "weight norm",
    "WeightNorm": "weight norm",
    "_Orthogonal": "an orthogonal parametrization",
    "AssembledWeight": "an epitome",
}


def own_parametrization(layer: nn.Module, tensor: str = "weight") -> str:
    """What else a layer computes its tensor by, in words; empty if it is a plain parameter or ours alone."""
    names = [_name(part) for part in _parts(layer, tensor)]
    return " and ".join(dict.fromkeys(names))


def renew(layer: nn.Module, order: Order) -> None:
    """Turn the hooks of torch's older parametrizations into parametrizations, in place.

    The layer computes the same, also in training. A mask of `torch.nn.utils.prune` becomes a mask of ours,
    which later steps keep.
    """
    for handle, hook in list(layer._forward_pre_hooks.items()):
        if isinstance(hook, OLD):
            del layer._forward_pre_hooks[handle]
            _renewed(layer, hook, order)
    for handle, hook in list(layer._state_dict_hooks.items()):
        if type(hook).__module__ == SpectralNorm.__module__:
            del layer._state_dict_hooks[handle]
    for handle, hook in list(layer._load_state_dict_pre_hooks.items()):
        if type(getattr(hook, "hook", hook)).__module__ == SpectralNorm.__module__:
            del layer._load_state_dict_pre_hooks[handle]


def _renewed(layer: nn.Module, hook: Any, order: Order) -> None:
    if isinstance(hook, prune.BasePruningMethod):
        tensor = hook._tensor_name
        _plain(layer, tensor, getattr(layer, f"{tensor}_orig"), f"{tensor}_orig")
        mask = layer._buffers.pop(f"{tensor}_mask")
        assert mask is not None, "torch keeps it there"
        compression = attach(layer, order, tensor)
        compression.mask, compression.given = mask.clone(), True
    elif isinstance(hook, SpectralNorm):
        _renew_spectral_norm(layer, hook)
    else:
        _renew_weight_norm(layer, hook)


def _renew_spectral_norm(layer: nn.Module, hook: Any) -> None:
    name = hook.name
    left: Any = layer._buffers.pop(f"{name}_u")
    right: Any = layer._buffers.pop(f"{name}_v")
    weight = getattr(layer, f"{name}_orig")
    _plain(layer, name, weight, f"{name}_orig")
    with torch.random.fork_rng(devices=[]):  # it draws vectors, which are replaced
        part = parametrizations._SpectralNorm(weight.detach(), hook.n_power_iterations, hook.dim, hook.eps)
    part._u, part._v = left, right
    own_class(layer)
    parametrize.register_parametrization(layer, name, part.train(layer.training), unsafe=True)


def _renew_weight_norm(layer: nn.Module, hook: Any) -> None:
    name = hook.name
    size, direction = (layer._parameters.pop(f"{name}_{letter}") for letter in "gv")
    assert size is not None, "torch keeps it there"
    assert direction is not None, "torch keeps it there"
    _plain(layer, name, nn.Parameter(direction.detach().clone()))
    own_class(layer)
    parametrize.register_parametrization(layer, name, parametrizations._WeightNorm(hook.dim), unsafe=True)
    chain: Any = layer.parametrizations[name]  # pyright: ignore[reportIndexIssue]
    chain.original0, chain.original1 = size, direction  # the very parameters, not what they amount to


def _plain(layer: nn.Module, tensor: str, value: Any, below: str = "") -> None:
    """Make a tensor that a hook computed a parameter."""
    layer._parameters.pop(below, None)
    vars(layer).pop(tensor, None)
    layer._parameters.pop(tensor, None)
    layer.register_parameter(tensor, value)


def _parts(layer: nn.Module, tensor: str) -> Iterator[Any]:
    for hook in layer._forward_pre_hooks.values():
        if isinstance(hook, OLD) and getattr(hook, "_tensor_name", getattr(hook, "name", None)) == tensor:
            yield hook
    if parametrize.is_parametrized(layer, tensor):
        chains: Any = layer.parametrizations
        yield from (part for part in chains[tensor] if not isinstance(part, CompressedWeight | KeptChannels))


def _name(part: Any) -> str:
    if isinstance(part, prune.BasePruningMethod):
        return "a mask of torch.nn.utils.prune"
    kind = type(part).__name__
    return _NAMES.get(kind, f"parametrization {kind}")
