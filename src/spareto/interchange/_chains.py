"""Compressed weights as data: mask, quantizer, order, epitome; and back onto a layer."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.compression.assembling import assemble
from spareto.compression.packing import numbers_of, packed_numbers
from spareto.compression.parametrization import (
    CompressedWeight,
    KeptChannels,
    Order,
    attach,
    compressed_weight,
    keep_channels,
)
from spareto.core.constructors import options_of
from spareto.core.errors import ConfigError, Problem
from spareto.quantizers import Quantizer, registry
from spareto.quantizers.rounding import Rounding
from spareto.quantizers.rounding import registry as roundings
from spareto.records import Epitome
from spareto.widths import AssembledWeight, declared_bits, remember_bits

_INTEGERS: Final = {8: torch.int8, 16: torch.int16, 32: torch.int32}


def described(network: nn.Module) -> dict[str, dict[str, Any]]:
    """Every compressed tensor of a network, by dotted name.

    Raises:
        ConfigError: A tensor is computed by what no file can hold.
    """
    found = dict[str, dict[str, Any]]()
    for name, layer in network.named_modules():
        if parametrize.is_parametrized(layer):
            chains: Any = layer.parametrizations
            for tensor, chain in chains.items():
                found[f"{name}.{tensor}"] = _described(list(chain), f"{name}.{tensor}")
    return found


def _described(chain: list[nn.Module], place: str) -> dict[str, Any]:
    said: dict[str, Any] = {"chain": []}
    for part in chain:
        if isinstance(part, CompressedWeight):
            quantizer = None if part.quantizer is None else _quantizer(part.quantizer)
            said |= {"order": part.order, "pruned": part.mask is not None, "quantizer": quantizer}
            said["chain"].append("compressed")
        elif isinstance(part, KeptChannels):
            places = None if part.places is None else list(part.places)
            said |= {"decided_by": part.decided_by, "places": places}
            said["chain"].append("kept")
        elif isinstance(part, AssembledWeight):
            said["epitome"] = part.epitome.to_dict()
            said["chain"].append("epitome")
        else:
            rule, cure = "a weight as spareto compresses it", "Take off other parametrizations before."
            raise ConfigError(Problem(f"'{place}'", type(part).__name__, rule, cure))
    return said


def _quantizer(quantizer: Quantizer) -> dict[str, Any]:
    name = type(quantizer).__module__.rpartition(".")[2]
    found: dict[str, Any] = {}
    for option in options_of(type(quantizer))[0]:
        value = getattr(quantizer, option, None)
        if isinstance(value, Rounding):
            given = {key: item for key, item in vars(value).items() if isinstance(item, int | float)}
            found["rounding"] = {"name": type(value).__module__.rpartition(".")[2], **given}
        elif isinstance(value, int | float | str):
            found[option] = value
    return {"name": name, **found}


def attached(network: nn.Module, said: dict[str, dict[str, Any]]) -> None:
    """Put described compressions onto a network's plain tensors; their numbers come with its state dict.

    Raises:
        ValueError: A description is not one of ours.
        ConfigError: An option is not allowed.
    """
    for place, plan in said.items():
        name, _, tensor = place.rpartition(".")
        layer = network.get_submodule(name)
        if not isinstance(layer._parameters.get(tensor), nn.Parameter):
            raise ValueError(f"a compression of '{place[:80]}', which is no parameter")
        for part in plan["chain"]:
            if part == "kept":
                places = None if plan["places"] is None else tuple(int(each) for each in plan["places"])
                keep_channels(layer, tensor, str(plan["decided_by"]), places)
            elif part == "epitome" and tensor == "weight":
                assemble(layer, Epitome.parse(plan["epitome"], "epitome"), _order(plan))
            elif part == "compressed":
                attach(layer, _order(plan), tensor)
            else:
                raise ValueError(f"a part {str(part)[:40]!r} of a weight")
        if "compressed" in plan["chain"]:
            _fill(layer, tensor, plan)


def _order(plan: dict[str, Any]) -> Order:
    order = plan["order"]
    if order not in ("quantize_then_mask", "mask_then_quantize"):
        raise ValueError(f"order {str(order)[:40]!r}")
    return order


def _fill(layer: Any, tensor: str, plan: dict[str, Any]) -> None:
    part = compressed_weight(layer, tensor)
    assert part is not None
    original: Tensor = layer.parametrizations[tensor].original
    if plan["pruned"]:
        part.mask = torch.ones_like(original)
    if plan["quantizer"] is not None:
        options = dict(plan["quantizer"])
        rounding = dict(options.pop("rounding", {"name": "straight_through"}))
        made = roundings.make(rounding.pop("name"), **rounding)
        part.quantizer = registry.make(options.pop("name"), rounding=made, **options)
        part.quantizer.start(original.detach())
        part.quantizer.train(layer.training)


def declared(network: nn.Module) -> dict[str, int]:
    """Widths that baked weights carry along, by dotted name of the tensor."""
    found = dict[str, int]()
    for name, layer in network.named_modules():
        for tensor in ("weight", "bias"):
            if isinstance(layer._parameters.get(tensor), nn.Parameter):
                bits = declared_bits(layer, tensor)
                found |= {} if bits is None else {f"{name}.{tensor}": bits}
    return found


def remember(network: nn.Module, widths: dict[str, int]) -> None:
    """Let baked weights know their widths again."""
    for place, bits in widths.items():
        name, _, tensor = place.rpartition(".")
        if type(bits) is not int or not 1 <= bits <= 32:
            raise ValueError(f"a width of {str(bits)[:20]} bits")
        remember_bits(network.get_submodule(name), bits, tensor)


def readable(tensors: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Packed tensors by plain names: `layer.weight.codes` of its shape, `.mask`, `.quantizer.scale`."""
    found = dict[str, Tensor]()
    for name, value in tensors.items():
        layer, mark, rest = name.partition(".parametrizations.")
        tensor, _, end = rest.partition(".")
        if not mark:
            found[name] = value
            continue
        chain: Any = network.get_submodule(f"{layer}.parametrizations.{tensor}")
        shape, first = chain.original.shape, chain[0]
        if end.endswith("_extra_state"):
            continue
        if end == "codes":
            width = next(w for w in (8, 16, 32) if max(map(abs, first.quantizer.code_range)) < 1 << (w - 1))
            numbers = numbers_of(value, chain.original.numel(), first.quantizer)
            value, end = torch.from_numpy(numbers).reshape(shape).to(_INTEGERS[width]), "codes"
        elif end == "mask_bits":
            bits = np.unpackbits(value.numpy(), count=chain.original.numel())
            value, end = torch.from_numpy(bits).reshape(shape).to(torch.bool), "mask"
        found[f"{layer}.{tensor}.{end.removeprefix('0.')}" if end != "original" else f"{layer}.{tensor}"] = (
            value
        )
    return found


def unreadable(tensors: dict[str, Tensor], said: dict[str, Any], network: nn.Module) -> dict[str, Tensor]:
    """The packed tensors behind `readable` ones."""
    found = dict[str, Tensor]()
    for name, value in tensors.items():
        place = next((each for each in said if name == each or name.startswith(f"{each}.")), None)
        if place is None:
            found[name] = value
            continue
        layer, _, tensor = place.rpartition(".")
        chain: Any = network.get_submodule(f"{layer}.parametrizations.{tensor}")
        end = name.removeprefix(place).removeprefix(".")
        stem = f"{layer}.parametrizations.{tensor}"
        if end == "codes":
            found[f"{stem}.codes"] = packed_numbers(value, chain[0].quantizer)
        elif end == "mask" and isinstance(chain[0], CompressedWeight):
            found[f"{stem}.mask_bits"] = torch.from_numpy(np.packbits(value.reshape(-1).numpy() != 0))
        elif end in ("", "live"):
            found[f"{stem}.{end or 'original'}"] = value
        else:
            own = end if end.split(".")[0].isdigit() else f"0.{end}"
            found[f"{stem}.{own}"] = value
    return found
