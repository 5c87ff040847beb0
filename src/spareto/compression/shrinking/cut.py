"""Make the tensors of a layer smaller, with their masks and quantizers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.compression.layers import kind_of
from spareto.quantizers import Quantizer


def select(layer: nn.Module, tensor: str, axis: int, kept: Tensor) -> None:
    """Keep these positions along one axis of a layer's tensor, whether it is parametrized or not.

    Args:
        layer: The layer, changed in place.
        tensor: Name of its parameter or buffer; one that is absent or None is left so.
        axis: The axis.
        kept: Positions to keep, rising.
    """
    if parametrize.is_parametrized(layer, tensor):
        chains: Any = layer.parametrizations
        chain = chains[tensor]
        shape = chain.original.shape
        _select(chain, "original", axis, kept)
        for module in chain.modules():
            if module is not chain:
                _select_like(module, axis, shape, kept)
    elif getattr(layer, tensor, None) is not None:
        _select(layer, tensor, axis, kept)


def _select_like(module: nn.Module, axis: int, shape: torch.Size, kept: Tensor) -> None:
    """A mask has the weight's shape; a scale per channel has its first axis, and ones behind it."""
    rows = module.rows_of_channels if isinstance(module, Quantizer) else frozenset[str]()
    for name, value in [*module._parameters.items(), *module._buffers.items()]:
        if value is None:
            continue
        like = name not in rows and value.dim() == len(shape) and value.shape[axis] == shape[axis]
        if like or (name in rows and axis == 0 and value.dim() > 1):
            _select(module, name, axis, kept)


def _select(module: nn.Module, name: str, axis: int, kept: Tensor) -> None:
    value: Tensor = getattr(module, name)
    smaller = value.detach().index_select(axis, kept.to(value.device)).clone()
    if isinstance(value, nn.Parameter):
        setattr(module, name, nn.Parameter(smaller, requires_grad=value.requires_grad))
    else:
        setattr(module, name, smaller)


def select_neurons(neuron: nn.Module, axis: int, extent: int, kept: Tensor) -> None:
    """Keep these positions in everything a neuron has one of per channel: parameters, buffers, state.

    Args:
        neuron: A module without layers inside, changed in place.
        axis: Axis of the channels, counted from the end.
        extent: Length of that axis.
        kept: Positions to keep.
    """
    for module in neuron.modules():
        for name, value in [*module._parameters.items(), *module._buffers.items(), *vars(module).items()]:
            if isinstance(value, Tensor) and (place := _channel_axis(value, axis, extent)) is not None:
                _select(module, name, place, kept)
        for holder in [
            value for key, value in vars(module).items() if isinstance(value, dict) and key[0] == "_"
        ]:
            for name, value in holder.items() if holder is getattr(module, "_memories", None) else ():
                if isinstance(value, Tensor) and (place := _channel_axis(value, axis, extent)) is not None:
                    holder[name] = value.detach().index_select(place, kept.to(value.device))


def _channel_axis(value: Tensor, axis: int, extent: int) -> int | None:
    """The axis of a neuron's tensor that broadcasts with the channels; None if it has one value for all."""
    if value.dim() >= axis and value.shape[-axis] == extent > 1:
        return value.dim() - axis
    if value.dim() == 1 and axis > 1 and value.shape[0] == extent > 1:
        return 0  # one value per channel, as PReLU has
    return None


def resize(layer: nn.Module) -> None:
    """Let the numbers a layer tells of its size follow its tensors."""
    weight: Tensor | None = getattr(layer, "weight", None)
    if (kind := kind_of(layer)) is not None and weight is not None:
        for name, size in zip(kind.sizes, weight.shape, strict=False):
            setattr(layer, name, size)
    elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
        sized = weight if weight is not None else layer.running_mean
        layer.num_features = layer.num_features if sized is None else len(sized)
