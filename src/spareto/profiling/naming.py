"""What the layers of a trace are called, and which calls use the same weight."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from spareto.observing.observation import Value


def layer_name(roots: frozenset[str], module: str) -> str:
    """Name of a layer by the parameters its weight comes from: that of their module, or their own."""
    owners = {root.partition(".parametrizations.")[0] for root in roots}
    if not owners:
        return f"{module}.constant".lstrip(".")
    names = {_without_weight(owner) for owner in owners}
    return sorted(names)[0]


_WEIGHTS: Final = ("weight", "weight_orig", "weight_mask", "weight_g", "weight_v", "weight_u")
"""What torch calls the weight of a layer that has one, and the parts it is computed from."""


def _without_weight(name: str) -> str:
    owner, _, own = name.rpartition(".")
    return owner if owner and own in _WEIGHTS else name


def content(constant: Tensor) -> int:
    """A number of what a constant holds: one that is made anew in every timestep stays the same weight."""
    flat = constant.detach().cpu().contiguous().reshape(-1)
    return hash((tuple(constant.shape), constant.dtype, flat.view(torch.uint8).numpy().tobytes()))


def is_weight_of(module: nn.Module, operand: Tensor) -> bool:
    """Whether it is what a module calls its weight."""
    return getattr(module, "weight", None) is operand


def is_part(weight: Value, named: list[Value]) -> bool:
    """Whether a weight is a slice of a parameter, as the projections of attention are."""
    return any(
        value.name in weight.roots and value.storage == weight.storage and value.shape != weight.shape
        for value in named
    )
