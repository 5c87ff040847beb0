"""Copies of networks, also of those that hold neuron state from their last run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def copy_of(network: Module) -> Module:
    """A deep copy that its framework treats like the original.

    Tensors of a graph that neurons still hold, which torch refuses to copy, are detached. snnTorch resets the
    neurons in a list of its class, in which deep copies are missing; ours are put there. Recurrent layers of
    sinabs fail to copy the layer inside of them; they are copied attribute by attribute.
    """
    memo: dict[int, Any] = {}
    for module in network.modules():
        for tensor in _tensors(vars(module)):
            if not tensor.is_leaf:
                memo[id(tensor)] = tensor.detach().clone()
    for module in network.modules():
        if _copies_itself_alone(module) and id(module) not in memo:
            _copied_plainly(module, memo)
    copy = deepcopy(network, memo)
    for module, twin in zip(network.modules(), copy.modules(), strict=True):
        listed = _list_of(module)
        if any(item is module for item in listed):
            listed.append(twin)
    return copy


def _copies_itself_alone(module: nn.Module) -> bool:
    """Whether a module of sinabs holds others, which sinabs' own way to copy leaves out."""
    own = next((kind for kind in type(module).__mro__ if "__deepcopy__" in vars(kind)), object)
    return own.__module__.partition(".")[0] == "sinabs" and next(module.children(), None) is not None


def _copied_plainly(module: nn.Module, memo: dict[int, Any]) -> None:
    copy = memo[id(module)] = object.__new__(type(module))
    vars(copy).update(deepcopy(vars(module), memo))


@contextmanager
def passing_copy(network: Module) -> Iterator[Module]:
    """A copy for a while, of which nothing is left in its framework's lists."""
    copy = copy_of(network)
    try:
        yield copy
    finally:
        for module in copy.modules():
            listed = _list_of(module)
            listed[:] = [item for item in listed if item is not module]


def _list_of(module: nn.Module) -> list[Any]:
    listed = getattr(type(module), "instances", None)
    return listed if isinstance(listed, list) else []


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
