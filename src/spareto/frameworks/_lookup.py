"""The row of a framework that holds for a module: that of its own class, else of the nearest base."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Final

from torch import nn

from spareto.frameworks._rows import Framework, NeuronFacts, Row, Verdict, Wraps
from spareto.frameworks._rows import Free as Free

NAMES: Final = ("snntorch", "spikingjelly", "norse", "sinabs", "spareto", "torch")


@cache
def frameworks() -> tuple[Framework, ...]:
    """All frameworks that are known."""
    return tuple(importlib.import_module(f"spareto.frameworks.{name}").FRAMEWORK for name in NAMES)


def framework_of(kind: type) -> Framework | None:
    """The framework a class comes from."""
    return next((framework for framework in frameworks() if framework.owns(kind)), None)


def verdict(module: nn.Module) -> Verdict | None:
    """What is known of a module; None if nothing is.

    A class of your own that derives from a known one counts as that; but not one that gives a plain module of
    torch another `forward`.
    """
    row = row_of(type(module))
    if row is None or isinstance(row, Wraps):
        return None
    return row if not callable(row) else row(module)


@cache
def row_of(kind: type) -> Row | None:
    """What is known of a class, by its own name or that of its nearest known base."""
    wrapping = False
    for base in kind.__mro__:
        framework = framework_of(base)
        row = None if framework is None else framework.row(base)
        if row is None:
            continue
        if isinstance(row, Wraps):
            wrapping = True
        elif wrapping or base.__module__.partition(".")[0] != "torch" or _same_forward(kind, base):
            return row
        else:
            return None
    return None


def _same_forward(kind: type, base: type) -> bool:
    return getattr(kind, "forward", None) is getattr(base, "forward", None)


def kept(network: nn.Module) -> Iterator[tuple[str, nn.Module, Framework]]:
    """The modules whose state survives a call, each with its framework."""
    for name, module in network.named_modules():
        for framework in _keepers(type(module)):
            if framework.keeps(module):
                yield name, module, framework
                break


@cache
def _keepers(kind: type) -> tuple[Framework, ...]:
    """The frameworks that a class descends from and that keep states."""
    return tuple(
        framework for framework in frameworks() if framework.told and any(map(framework.owns, kind.__mro__))
    )


def facts_of(module: nn.Module) -> NeuronFacts | None:
    """Facts of a neuron; None of anything else."""
    found = verdict(module)
    return found if isinstance(found, NeuronFacts) else None
