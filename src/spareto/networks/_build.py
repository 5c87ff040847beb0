"""Find a network by name and make it, if the machine has the memory for it."""

from __future__ import annotations

from typing import Any, Final

import torch

from spareto.core.errors import OutOfMemory, Problem
from spareto.core.memory import require
from spareto.core.registry import Registry
from spareto.core.text import shown
from spareto.networks._base import Network

CURE: Final = "Use fewer channels, neurons or votes, or a smaller sensor."
registry = Registry("spareto.networks", Network, "network")


def names() -> tuple[str, ...]:
    """Names of all networks."""
    return registry.names()


def build(name: str, /, **options: Any) -> Network:
    """Make a network with fresh weights, drawn from torch's global generator.

    Raises:
        UnknownName: No network of that name exists.
        ConfigError: The network has no such option, or its options do not fit the data.
        OutOfMemory: Its weights take more memory than this machine has.
    """
    _refuse_too_large(name, options)
    return registry.make(name, **options)


def _refuse_too_large(name: str, options: dict[str, Any]) -> None:
    """Make it without memory first, in a few milliseconds, and count its weights.

    Raises:
        OutOfMemory: They are more than fit into this machine's memory.
    """
    where = f"network {shown(name)}"
    try:
        with torch.device("meta"):
            shape = registry.make(name, **options)
    except RuntimeError as error:  # some ask for values, which there are not
        if "overflowed" in str(error):
            raise OutOfMemory(
                str(Problem(where, "more weights than a tensor can hold", "fewer", CURE))
            ) from None
        return
    tensors = [*shape.parameters(), *shape.buffers()]
    weights = sum(tensor.numel() for tensor in tensors)
    require(sum(tensor.nbytes for tensor in tensors), where, f"{weights:,} weights", CURE)
