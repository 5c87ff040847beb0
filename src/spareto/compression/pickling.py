"""Pickle compressed layers whole, for worker processes and checkpoints; torch would refuse."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.utils import parametrize


def make_picklable(layer: nn.Module) -> None:
    """Let a parametrized layer be pickled: its class is made anew from the plain one where it is read."""
    type(layer).__reduce_ex__ = _reduce  # pyright: ignore[reportAttributeAccessIssue]


def _reduce(layer: nn.Module, protocol: int) -> tuple[Any, ...]:
    chains: Any = layer.parametrizations
    return _plain, (type(layer).__bases__[0], tuple(chains)), dict(vars(layer))


def _plain(cls: type[nn.Module], tensors: tuple[str, ...]) -> nn.Module:
    """An empty layer whose class computes these tensors; pickle then fills in what it holds."""
    layer = cls.__new__(cls)
    nn.Module.__init__(layer)
    parametrize._inject_new_class(layer)  # pyright: ignore[reportPrivateUsage]
    for tensor in tensors:
        parametrize._inject_property(layer, tensor)  # pyright: ignore[reportPrivateUsage]
    make_picklable(layer)
    return layer
