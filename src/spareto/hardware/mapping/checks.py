"""Whether a mapping that somebody wrote down is one of this layer on this array at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from spareto.core.errors import ConfigError, Problem, one_of
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import Dim, LoopProblem
from spareto.hardware.mapping.capacity import Widths, overflows

Limit = tuple[str, tuple[str, ...], int]  # a part, the levels outside it, how many of it there are


def require_nest(
    nest: Nest, accelerator: Accelerator, problem: LoopProblem, widths: Widths, layer: str
) -> None:
    """Refuse a mapping that leaves work out, spreads over units that are not there, or does not fit.

    Args:
        nest: The mapping; of many, the first one counts.
        accelerator: The array.
        problem: The layer.
        widths: Bits its elements take while they are held.
        layer: Its name, for the messages.

    Raises:
        ConfigError: Levels that the array does not have, loops that stand twice, bounds that do not cover the
            layer, or more instances than there are; all are listed.
        CapacityError: A memory does not hold its tiles.
    """
    where = f"mapping of '{layer}'"
    known = tuple(level.name for level in accelerator.levels)
    if nest.levels != known:
        raise ConfigError(Problem(where, f"the levels {', '.join(nest.levels)}", ", ".join(known)))
    found = [*repeated(nest, where), *uncovered(nest, problem.dims, where)]
    found += overspread(nest, array_limits(accelerator), where)
    ConfigError.if_any(found)
    if short := overflows(accelerator, problem, nest, widths):
        raise short[0].error(accelerator, short, f"{where} at ")


def array_limits(accelerator: Accelerator) -> list[Limit]:
    """How far each level, and all levels outside a scarce part together, may spread."""
    own: list[Limit] = [(x.name, (x.name,), accelerator.fanout(x.name)) for x in accelerator.levels]
    return [*own, *((each.part, each.outside, each.instances) for each in accelerator.bottlenecks)]


def repeated(nest: Nest, where: str) -> Iterator[Problem]:
    """Loops that stand twice: the same dimension, level and kind."""
    loops = [(loop.level, loop.kind, loop.dim) for loop in nest.loops]
    for level, kind, dim in dict.fromkeys(loops):
        if loops.count((level, kind, dim)) > 1:
            yield Problem(where, f"two {kind} loops over {dim} at '{level}'", "each dimension once")


def uncovered(
    nest: Nest, dims: Mapping[Dim, int], where: str, padded: Mapping[Dim, int] | None = None
) -> Iterator[Problem]:
    """Dimensions whose bounds do not multiply to the layer's size.

    Args:
        nest: The mapping; of many, the first one counts.
        dims: The layer's sizes; 1 where left out.
        where: Where it was written down, for the messages.
        padded: Iterations beyond the layer's size that are said to be there; None accepts any.
    """
    for dim, total in nest.totals().items():
        size, runs = dims.get(dim, 1), int(total.flat[0])
        extra = runs - size if padded is None and runs > size else (padded or {}).get(dim, 0)
        if runs == size + extra:
            continue
        bounds = [int(loop.bound.flat[0]) for loop in nest.loops if loop.dim == dim]
        told = " x ".join(map(str, bounds)) or "no loop"
        cure = "" if runs < size or padded is None else f"Or say `padded: {{{dim}: {runs - size}}}`."
        rule = f"bounds that multiply to the layer's {size + extra}"
        yield Problem(f"{where}, {dim}", f"{told} = {runs}" if bounds else told, rule, cure)


def overspread(nest: Nest, limits: Sequence[Limit], where: str) -> Iterator[Problem]:
    """Spatial loops that spread over more instances than there are."""
    for part, levels, most in limits:
        used = prod(
            int(loop.bound.flat[0]) for loop in nest.loops if loop.kind == "spatial" and loop.level in levels
        )
        if used > most:
            outside = "" if levels == (part,) else "all spatial loops outside it: "
            yield Problem(f"{where}, {part}", f"{outside}{used} instances", f"at most {most}")


def unknown_levels(levels: Sequence[str], known: Sequence[str], where: str) -> Iterator[Problem]:
    """Problems of loops at undeclared levels, or inside a level further in."""
    for place, level in enumerate(levels):
        if level not in known:
            yield Problem(f"{where}[{place}].level", repr(level), one_of(known))
    places = [known.index(level) for level in levels if level in known]
    if places != sorted(places):
        yield Problem(where, "a loop of an outer level after one further in", "levels outermost first")
