"""A layer's tensors: the trained parameter below its parametrizations, and what they make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


def originals(layer: nn.Module, tensor: str = "weight") -> list[Tensor]:
    """The trained parameters that a layer computes a tensor from; the tensor itself where it is plain."""
    if parametrize.is_parametrized(layer, tensor):
        chains: Any = layer.parametrizations
        chain = chains[tensor]
        names = ["original"] if chain.is_tensor else [f"original{index}" for index in range(chain.ntensors)]
        return [getattr(chain, name) for name in names]
    if layer._parameters.get(tensor) is not None:
        return [getattr(layer, tensor)]
    hooked = [layer._parameters.get(f"{tensor}{suffix}") for suffix in ("_orig", "_g", "_v")]
    plain = getattr(layer, tensor, None)
    return [value for value in hooked if value is not None] or ([] if plain is None else [plain])


def original(layer: nn.Module, tensor: str) -> Any:
    """The trained parameter of a tensor's shape below the parametrizations; None if the layer has none."""
    return next(reversed(originals(layer, tensor)), None)


def original_weight(layer: nn.Module) -> Tensor:
    """The trained weight below the compression, or the weight itself."""
    return original(layer, "weight")


def is_frozen(layer: nn.Module, tensor: str = "weight") -> bool:
    """Whether training leaves a layer's tensor as it is; a tensor that is not there does not move."""
    return not any(value.requires_grad for value in originals(layer, tensor))


def applied(chain: Any, until: type[nn.Module]) -> Tensor:
    """What a chain of parametrizations makes of its originals before the first one of a class.

    Power iterations stand still.
    """
    parts = _before(chain, until)
    if not parts:
        return chain.original.detach()
    values = (
        [chain.original]
        if chain.is_tensor
        else [getattr(chain, f"original{i}") for i in range(chain.ntensors)]
    )
    modes = [part.training for part in parts]
    try:
        with torch.no_grad():
            value = parts[0].eval()(*values)
            for part in parts[1:]:
                value = part.eval()(value)
            return value.detach()
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.train(mode)


def _before(chain: Any, until: type[nn.Module]) -> list[nn.Module]:
    def parts() -> Iterator[nn.Module]:
        for part in chain:
            if isinstance(part, until):
                return
            yield part

    return list(parts())
