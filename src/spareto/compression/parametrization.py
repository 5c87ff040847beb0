"""The parametrization of a compressed weight: mask, quantizer and their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.compression.pickling import make_picklable
from spareto.compression.plans import as_tensor, plan_of
from spareto.compression.tensors import applied, original, originals
from spareto.compression.ties import holders
from spareto.compression.weight_cache import WeightCache, stop_caching
from spareto.core.errors import ConfigError, Problem
from spareto.quantizers import Quantizer
from spareto.records.recipe import FLOAT_BITS
from spareto.running import refuse_no_module
from spareto.widths import (
    assembled,
    declared_bits,
    float_bits,
    remember_bits,
    remember_epitome,
    value_in_use,
)

Order = Literal["quantize_then_mask", "mask_then_quantize"]


class CompressedWeight(nn.Module):
    """Parametrization of a layer's own `weight`: a mask, a quantizer, or both in a stated order.

    The weight is computed once in a forward pass of the compressed network (`WeightCache`). A loop around
    the network computes it anew every timestep; `torch.nn.utils.parametrize.cached()` around the loop
    saves that.

    Args:
        order: Which of the two comes first.

    Attributes:
        mask: 1 where a weight stays, shape and dtype of the weight; None keeps all.
        quantizer: Rounds the weight to codes; None keeps it real.
        given: The mask came with the network, from `torch.nn.utils.prune`; no step has pruned yet.
    """

    mask: Tensor | None
    given: bool = False

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.order: Order = order
        self.register_buffer("mask", None)
        self.quantizer: Quantizer | None = None
        self.weight_cache = WeightCache()

    def forward(self, weight: Tensor) -> Tensor:
        """The weight the layer computes with, same shape."""
        return self.weight_cache(weight, self.training, self._compressed)

    def _compressed(self, weight: Tensor) -> Tensor:
        if self.order == "quantize_then_mask":
            return self._masked(self._quantized(weight))
        return self._masked(self._quantized(self._masked(weight)))  # a quantizer may have no code for 0

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is stored when `layer.weight` is assigned: the weight as it is."""
        return weight

    def get_extra_state(self) -> Tensor:
        """The plan, which travels in state dicts beside the tensors; see `spareto.compression.loading`."""
        return as_tensor(self.plan)

    def set_extra_state(self, state: Tensor) -> None:
        """Nothing is taken from there: what does not fit is refused before anything is loaded."""

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        state_dict.setdefault(f"{prefix}_extra_state", self.get_extra_state())  # older files have none
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @property
    def plan(self) -> dict[str, Any]:
        """How the weight is stored, as data."""
        return plan_of(self.order, self.mask, self.quantizer)

    @property
    def weight_bits(self) -> int:
        """Bits of one stored weight; 32, floating point, without a quantizer."""
        return self.quantizer.bits if self.quantizer is not None else FLOAT_BITS

    def _masked(self, weight: Tensor) -> Tensor:
        return weight if self.mask is None else weight * self.mask

    def _quantized(self, weight: Tensor) -> Tensor:
        """Rounded in single precision at least: half precision has no room for scales."""
        if self.quantizer is None:
            return weight
        wide = widened(weight)
        if self.mask is not None and self.training and self.quantizer.tracks_weights:
            return self.quantizer(wide, self.mask != 0).to(weight.dtype)
        return self.quantizer(wide).to(weight.dtype)


class KeptChannels(nn.Module):
    """Parametrization of what a layer has one of a channel, such as its bias: 0 where the channel is pruned.

    Args:
        mask: 1 where a channel stays, shape of the parametrized tensor.
        decided_by: Name of the layer whose pruning decides.
        places: For each element, the channel of that layer it belongs to; −1 for none. None where they are
            the same, one after the other.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, decided_by: str = "", places: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.decided_by, self.places = decided_by, places

    def keep(self, kept: Tensor) -> None:
        """Let channels go.

        Args:
            kept: True for the channels that stay, shape (channels,).
        """
        if self.places is None:
            self.mask.copy_(kept)
        else:
            places = torch.tensor(self.places, device=kept.device)
            self.mask.copy_(
                torch.where(places >= 0, kept[places.clamp_min(0)], torch.ones_like(places).bool())
            )

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


def refuse_twice(
    layers: Mapping[str, nn.Module], has: Callable[[CompressedWeight], bool], got: str, rule: str
) -> None:
    """Refuse layers whose weight has already what a step is to give it."""
    found = [(name, compressed_weight(layer)) for name, layer in layers.items()]
    if twice := [name for name, compression in found if compression is not None and has(compression)]:
        cure = "Start from the uncompressed network."
        raise ConfigError(Problem(f"layers {', '.join(twice)}", got, rule, cure))


def widened(weight: Tensor) -> Tensor:
    """The weight in single precision, if it has less."""
    return weight.float() if weight.dtype in (torch.float16, torch.bfloat16) else weight


def weight_bits(layer: nn.Module) -> int:
    """Bits of one stored weight of a layer, also after `bake`; 32, or 16 in half precision, means floats."""
    return declared_bits(layer) or float_bits(originals(layer)[-1].dtype)[0]


def attach(
    layer: nn.Module, order: Order, tensor: str = "weight", network: nn.Module | None = None
) -> CompressedWeight:
    """Return the compression of a layer's weight, or of its bias; put an empty one there first if needed.

    Modules of the network that hold the same parameter get the same compression, so that it stays shared.
    """
    present = compressed_weight(layer, tensor)
    if present is None:
        present = CompressedWeight(order).train(layer.training)
        for _, holder, name in holders(layer if network is None else network, layer, tensor):
            own_class(holder)
            chained = parametrize.is_parametrized(holder, name)  # to check it would move power iterations on
            parametrize.register_parametrization(holder, name, present, unsafe=chained)
            make_picklable(holder)
    return present


def incoming(layer: nn.Module, tensor: str = "weight") -> Tensor:
    """What reaches the compression of a layer's tensor, without gradient.

    It is the trained parameter, or what spectral norm and the like make of it in evaluation.
    """
    if not parametrize.is_parametrized(layer, tensor):
        return value_in_use(layer, tensor)
    chains: Any = layer.parametrizations
    return applied(chains[tensor], CompressedWeight)


def keep_channels(
    layer: nn.Module, tensor: str, decided_by: str = "", places: tuple[int, ...] | None = None
) -> None:
    """Make the channels of a layer's tensor prunable; see `KeptChannels`.

    A layer without that tensor is left as it is.
    """
    value = getattr(layer, tensor)
    if value is not None:
        own_class(layer)
        kept = KeptChannels(torch.ones_like(value), decided_by, places)
        parametrize.register_parametrization(layer, tensor, kept)
        make_picklable(layer)


def bake(network: nn.Module) -> None:
    """Replace every compression by exactly the weights it computes, in place.

    What else a layer computes such a weight by, spectral norm say, goes with it. Shared weights stay shared,
    and every layer keeps the width its weights are stored at, for the profiler.

    Args:
        network: A compressed network; changed in place.

    Raises:
        ConfigError: It is no network.
    """
    refuse_no_module(network)
    computed: dict[int, Tensor] = {}
    ends = [(layer, tensor) for layer in network.modules() for tensor in _compressed_tensors(layer)]
    for layer, tensor in ends:
        shared = id(original(layer, tensor))
        if shared not in computed:
            computed[shared] = value_in_use(layer, tensor).clone()
    for layer, tensor in ends:
        parameter, bits = original(layer, tensor), _bits(layer, tensor)
        part = assembled(layer, tensor)
        own_class(layer)
        parametrize.remove_parametrizations(layer, tensor, leave_parametrized=True)
        layer._buffers.pop(tensor, None)
        layer._parameters[tensor] = parameter
        parameter.data = computed[id(parameter)]
        if bits < FLOAT_BITS:
            remember_bits(layer, bits, tensor)
        if part is not None:
            remember_epitome(layer, part.epitome)
    stop_caching(network)


def _compressed_tensors(layer: nn.Module) -> list[str]:
    ours = (CompressedWeight, KeptChannels)
    chains: Any = layer.parametrizations if parametrize.is_parametrized(layer) else {}
    return [name for name, chain in chains.items() if any(isinstance(part, ours) for part in chain)]


def _bits(layer: nn.Module, tensor: str) -> int:
    compression = compressed_weight(layer, tensor)
    return FLOAT_BITS if compression is None else compression.weight_bits


def own_class(layer: nn.Module) -> None:
    """Give a parametrized layer a class of its own.

    Torch keeps the properties of parametrized tensors in a class that deep copies share: without this,
    changing the parametrizations of a copy would break the layer it was copied from.
    """
    if parametrize.is_parametrized(layer):
        shared = type(layer)
        own: Any = type(shared.__name__, shared.__bases__, dict(vars(shared)))
        layer.__class__ = own
