"""What one run of a network shows: every call, every operator, who reads what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn


@dataclass(frozen=True)
class Value:
    """A tensor as it was between two changes.

    Args:
        index: Its number.
        shape: Its shape.
        activation: Whether it depends on what the network was given.
        roots: Names of parameters and buffers it comes from.
        storage: Values of equal number share memory: a change of one changes the others.
        name: Name of the parameter or buffer it is; empty for any other.
    """

    index: int
    shape: tuple[int, ...]
    activation: bool
    roots: frozenset[str]
    storage: int
    name: str = ""


@dataclass(frozen=True)
class Operation:
    """One operator, or one opaque module.

    Args:
        index: Its place in the run.
        name: `aten::add`; `module` for an opaque module.
        reads: Values it was given.
        writes: Values it gave.
        in_place: Whether it changed what it was given.
        module: Dotted name of the innermost module it ran in.
        call: Number of that module's call; -1 outside of any.
    """

    index: int
    name: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    in_place: bool
    module: str
    call: int


@dataclass
class Call:
    """One call of one module.

    Args:
        index: Its place among all calls, in the order they began.
        name: Dotted name of the module.
        module: The module.
        occurrence: Its number among the calls of this module, from 0.
        parent: Number of the call it ran in; -1 for the first.
        reads: Values it was given.
        writes: Values it returned.
        first: Number of the first operation inside.
        end: Number of the first operation after it.
    """

    index: int
    name: str
    module: nn.Module
    occurrence: int
    parent: int
    reads: tuple[int, ...]
    writes: tuple[int, ...] = ()
    first: int = 0
    end: int = 0


@dataclass
class Observation:
    """One run of a network.

    Args:
        values: Every tensor that was seen.
        operations: Every operator, in the order they ran.
        calls: Every call of a module, in the order they began.
        output: Values of what the network returned last.
    """

    values: list[Value] = field(default_factory=list[Value])
    operations: list[Operation] = field(default_factory=list[Operation])
    calls: list[Call] = field(default_factory=list[Call])
    output: tuple[int, ...] = ()

    def readers(self, value: int) -> tuple[Operation, ...]:
        """Operations that were given this value."""
        return tuple(self.operations[index] for index in self._readers.get(value, ()))

    def producer(self, value: int) -> Operation | None:
        """The operation that gave this value; None for what came from outside."""
        index = self._producers.get(value)
        return None if index is None else self.operations[index]

    @cached_property
    def _readers(self) -> dict[int, tuple[int, ...]]:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for operation in self.operations:
            for value in dict.fromkeys(operation.reads):
                found[value].append(operation.index)
        return {value: tuple(indices) for value, indices in found.items()}

    @cached_property
    def _producers(self) -> dict[int, int]:
        return {value: operation.index for operation in self.operations for value in operation.writes}
