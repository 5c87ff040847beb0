"""The one place where a mask and a quantizer meet a weight."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.compression.once import Once, forget_once
from spareto.compression.pickling import make_picklable
from spareto.quantizers import Quantizer
from spareto.records.recipe import FLOAT_BITS

Order = Literal["quantize_then_mask", "mask_then_quantize"]


class CompressedWeight(nn.Module):
    """Parametrization of a layer's own `weight`: a mask, a quantizer, or both in a stated order.

    The weight is computed once in a forward pass of the compressed network, see `Once`. A time loop around
    the network computes it anew every timestep; `torch.nn.utils.parametrize.cached()` around the loop
    saves that.

    Args:
        order: Which of the two comes first.
        mask: 1 where a weight stays, shape and dtype of the weight; None keeps all.
        quantizer: Rounds the weight to codes; None keeps it real.
    """

    mask: Tensor | None

    def __init__(self, order: Order, mask: Tensor | None = None, quantizer: Quantizer | None = None) -> None:
        super().__init__()
        self.order: Order = order
        self.register_buffer("mask", mask)
        self.quantizer = quantizer
        self.once = Once()

    def forward(self, weight: Tensor) -> Tensor:
        """The weight the layer computes with, same shape."""
        return self.once(weight, self.training, self._compressed)

    def _compressed(self, weight: Tensor) -> Tensor:
        if self.order == "quantize_then_mask":
            return self._masked(self._quantized(weight))
        return self._masked(self._quantized(self._masked(weight)))  # a quantizer may have no code for 0

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is stored when `layer.weight` is assigned: the weight as it is."""
        return weight

    @property
    def weight_bits(self) -> int:
        """Bits of one stored weight; 32, floating point, without a quantizer."""
        return self.quantizer.bits if self.quantizer is not None else FLOAT_BITS

    def _masked(self, weight: Tensor) -> Tensor:
        return weight if self.mask is None else weight * self.mask

    def _quantized(self, weight: Tensor) -> Tensor:
        if self.quantizer is None:
            return weight
        if self.mask is not None and self.training and self.quantizer.follows:
            return self.quantizer(weight, self.mask != 0)
        return self.quantizer(weight)


class KeptChannels(nn.Module):
    """Parametrization of what a layer has one of a channel, such as its bias: 0 where the channel is pruned.

    Args:
        mask: 1 where a channel stays, shape of the parametrized tensor.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, value: Tensor) -> Tensor:
        """The value the layer computes with, same shape."""
        return value * self.mask

    def right_inverse(self, value: Tensor) -> Tensor:
        """What is stored when the value is assigned: the value as it is."""
        return value

    @staticmethod
    def of(layer: nn.Module | None) -> list[KeptChannels]:
        """Those of one layer, of all its tensors."""
        if layer is None or not parametrize.is_parametrized(layer):
            return []
        chains: Any = layer.parametrizations
        return [part for chain in chains.values() for part in chain if isinstance(part, KeptChannels)]


def compressed_weight(layer: nn.Module, tensor: str = "weight") -> CompressedWeight | None:
    """The compression of a layer's weight, or of its bias; None if it has none."""
    if not parametrize.is_parametrized(layer, tensor):
        return None
    chains: Any = layer.parametrizations
    return next((part for part in chains[tensor] if isinstance(part, CompressedWeight)), None)


def weight_bits(layer: nn.Module) -> int:
    """Bits of one stored weight of a layer; 32 means floating point."""
    compression = compressed_weight(layer)
    return FLOAT_BITS if compression is None else compression.weight_bits


def attach(layer: nn.Module, order: Order, tensor: str = "weight") -> CompressedWeight:
    """Return the compression of a layer's weight, or of its bias; put an empty one there first if needed."""
    present = compressed_weight(layer, tensor)
    if present is None:
        present = CompressedWeight(order)
        _own_class(layer)
        parametrize.register_parametrization(layer, tensor, present)
        make_picklable(layer)
    return present


def original_weight(layer: nn.Module) -> Tensor:
    """The trained weight below the compression, or the weight itself."""
    return original(layer, "weight")


def original(layer: nn.Module, tensor: str) -> Any:
    """A layer's own tensor below its parametrizations; None if the layer has none."""
    chains: Any = getattr(layer, "parametrizations", {})
    return chains[tensor].original if tensor in chains else getattr(layer, tensor)


def keep_channels(layer: nn.Module, tensor: str) -> None:
    """Make the channels of a layer's tensor prunable; a layer without that tensor is left as it is."""
    value = getattr(layer, tensor)
    if value is not None:
        _own_class(layer)
        parametrize.register_parametrization(layer, tensor, KeptChannels(torch.ones_like(value)))
        make_picklable(layer)


def bake(network: nn.Module) -> None:
    """Replace every compression by exactly the weights it computes, in place."""
    ours = (CompressedWeight, KeptChannels)
    with torch.no_grad():
        for layer in list(network.modules()):
            chains: Any = layer.parametrizations if parametrize.is_parametrized(layer) else {}
            _own_class(layer)
            for tensor in [name for name, chain in chains.items() if all(isinstance(p, ours) for p in chain)]:
                parametrize.remove_parametrizations(layer, tensor, leave_parametrized=True)
    forget_once(network)


def _own_class(layer: nn.Module) -> None:
    """Give a parametrized layer a class of its own.

    Torch keeps the properties of parametrized tensors in a class that deep copies share: without this,
    changing the parametrizations of a copy would break the layer it was copied from.
    """
    if parametrize.is_parametrized(layer):
        shared = type(layer)
        own: Any = type(shared.__name__, shared.__bases__, dict(vars(shared)))
        layer.__class__ = own
