"""How a compression stores its weight, as data that travels in a state dict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from spareto.core.errors import ConfigError, Problem
from spareto.core.plain import from_json
from spareto.quantizers import Quantizer

LONGEST: Final = 10_000
"""Bytes of a plan."""


def plan_of(order: str, mask: Tensor | None, quantizer: Quantizer | None) -> dict[str, Any]:
    """What decides which tensors a compression has, and what they mean."""
    plan: dict[str, Any] = {"pruned": mask is not None, "bits": None}
    if quantizer is not None:
        name = type(quantizer).__module__.rpartition(".")[2]
        plan |= {"bits": quantizer.bits, "quantizer": name, "granularity": quantizer.granularity}
    if quantizer is not None and mask is not None:
        plan["order"] = order
    return plan


def in_words(plan: Mapping[str, Any]) -> str:
    """A plan for an error message: `4 bit by quantizer 'lsq' per_tensor, with a mask`."""
    masked = "with a mask" if plan["pruned"] else "without a mask"
    if plan["bits"] is None:
        return f"floats {masked}"
    order = f", {plan.get('order')}" if plan["pruned"] else ""
    return f"{plan['bits']} bit by quantizer '{plan['quantizer']}' {plan['granularity']} {masked}{order}"


def as_tensor(plan: Mapping[str, Any]) -> Tensor:
    """A plan as bytes, for files that hold tensors only."""
    return torch.tensor(list(json.dumps(plan, sort_keys=True).encode()), dtype=torch.uint8)


def from_tensor(stored: Tensor, where: str = "state dict") -> dict[str, Any]:
    """The plan of `as_tensor`.

    Args:
        stored: Its bytes; a stranger may have written them.
        where: The place, for messages.

    Raises:
        ConfigError: It is none.
    """
    try:
        if stored.dtype != torch.uint8 or stored.dim() != 1 or stored.numel() > LONGEST:
            raise ValueError
        plan: Any = from_json(bytes(stored.tolist()).decode())
    except ValueError:
        plan = None
    if not _is_plan(plan):
        cure = "Store the network again."
        raise ConfigError(Problem(where, "bytes that are no plan of a weight", "one as it was stored", cure))
    return plan


def _is_plan(plan: Any) -> bool:
    if not isinstance(plan, dict) or not isinstance(plan.get("pruned"), bool) or "bits" not in plan:
        return False
    return plan["bits"] is None or all(isinstance(plan.get(key), str) for key in ("quantizer", "granularity"))
