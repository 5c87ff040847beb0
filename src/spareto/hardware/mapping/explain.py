"""A mapping told: its loops level by level, with the tiles each level holds and what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spareto.hardware.counting.accesses import (
    Access,
    Accesses,
    Halo,
    compute_units,
    count_accesses,
    temporal_steps,
)
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import Dim, LoopProblem, TensorName


@dataclass(frozen=True)
class HeldTensor:
    """One tensor at one level: elements of one instance over the whole layer.

    Args:
        tensor: Which.
        tile: Held at a time.
        fills: Brought in from the level outside.
        reads: Sent inwards; of partial sums, read back.
        updates: Partial sums that arrive from inside.
        instances: Instances in use.
    """

    tensor: TensorName
    tile: int
    fills: int
    reads: int
    updates: int
    instances: int


@dataclass(frozen=True)
class ExplainedLevel:
    """One level of a mapping: its loops, outermost first, as text, and what it holds."""

    level: str
    loops: tuple[str, ...]
    holds: tuple[HeldTensor, ...]


@dataclass(frozen=True)
class Explained:
    """A mapping of one layer.

    Args:
        layer: Name.
        levels: Outermost first.
        units: Compute units in use.
        steps: Iterations each of them runs through.
        groups: Channel groups of the layer, of which this is one.
    """

    layer: str
    levels: tuple[ExplainedLevel, ...]
    units: int
    steps: int
    groups: int = 1


def explain(
    layer: str,
    problem: LoopProblem,
    nest: Nest,
    kept: Mapping[str, Sequence[TensorName]],
    halo: Halo = "kept",
    groups: int = 1,
    called: Mapping[Dim, str] | None = None,
) -> Explained:
    """Tell a mapping, of one of so many channel groups: loops, tiles and accesses of every level.

    Dimensions may be `called` something else.
    """
    accesses = count_accesses(problem, nest, kept, halo=halo)
    levels = tuple(
        ExplainedLevel(name, tuple(_loops(nest, name, called or {})), tuple(_held(accesses, name)))
        for name in nest.levels
    )
    return Explained(layer, levels, int(compute_units(nest)[0]), int(temporal_steps(nest)[0]), groups)


def lines(told: Explained) -> Iterator[str]:
    """The same as indented text, a line per loop and a line per tensor."""
    depth = 0
    whole = f", one of {told.groups} channel groups" if told.groups > 1 else ""
    yield f"{told.layer}{whole}: {told.units} units, {told.steps:,} steps each"
    for level in told.levels:
        held = " ".join(f"{each.tensor} {each.tile:,}" for each in level.holds)
        yield f"{'  ' * depth}{level.level}" + (f"  holds {held}" if held else "")
        for each in level.holds:
            counts = f"fills {each.fills:,}, reads {each.reads:,}"
            counts += f", updates {each.updates:,}" if each.tensor == "outputs" else ""
            yield f"{'  ' * depth}  - {each.tensor}: {counts}, x {each.instances} instances"
        for loop in level.loops:
            depth += 1
            yield f"{'  ' * depth}{loop}"
    yield f"{'  ' * (depth + 1)}multiply and add"


def _loops(nest: Nest, level: str, called: Mapping[Dim, str]) -> Iterator[str]:
    for loop in nest.loops:
        bound = int(loop.bound.flat[0])
        if loop.level == level and bound > 1:
            dim = called.get(loop.dim, loop.dim)
            yield f"{'for' if loop.kind == 'temporal' else 'side by side'} {dim} in 0..{bound - 1}"


def _held(accesses: Accesses, level: str) -> Iterator[HeldTensor]:
    for (name, tensor), access in accesses.items():
        if name == level:
            yield _of(tensor, access)


def _of(tensor: TensorName, access: Access) -> HeldTensor:
    return HeldTensor(
        tensor=tensor,
        tile=int(access.tile.flat[0]),
        fills=int(access.fills.flat[0]),
        reads=int(access.reads.flat[0]),
        updates=int(access.updates.flat[0]),
        instances=int(access.instances.flat[0]),
    )
