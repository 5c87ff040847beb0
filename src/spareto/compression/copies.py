"""Copies of networks, also of those that hold neuron state from their last run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeVar

from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def copy_of(network: Module) -> Module:
    """A deep copy; tensors of a graph that neurons still hold, which torch refuses to copy, are detached."""
    memo: dict[int, Any] = {}
    for module in network.modules():
        for tensor in _tensors(vars(module)):
            if not tensor.is_leaf:
                memo[id(tensor)] = tensor.detach().clone()
    return deepcopy(network, memo)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Tensors in plain containers, at any depth; submodules are visited by themselves."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
