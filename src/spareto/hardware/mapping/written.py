"""Mappings as people write them, one line each: `dram: T20 Q4 | shared_glb: P8 / M4 | ...`.

A level names its temporal loops, outermost first, and after a slash its spatial ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field

from spareto.core.bounds import MOST_COUNTED
from spareto.core.config import Record, load_keys
from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Loop, LoopKind, Nest
from spareto.hardware.describing.problem import DIMS, Dim, LoopProblem
from spareto.hardware.mapping.checks import uncovered, unknown_levels
from spareto.records.workload import Workload

_KINDS: tuple[LoopKind, LoopKind] = ("temporal", "spatial")
_RULE = "levels apart by '|', each 'NAME: temporal loops / spatial loops', a loop is a dimension and a bound"
Positive = Annotated[int, Field(ge=1, le=MOST_COUNTED)]


class WrittenMappings(Record):
    """Mappings of some layers of a network, for one accelerator.

    Args:
        about: For readers.
        mappings: One line per layer.
        padded: By layer, iterations that its mapping runs beyond the layer's own sizes.
    """

    version: Literal[1] = 1
    about: str = ""
    mappings: dict[str, str]
    padded: dict[str, dict[Dim, Positive]] = Field(default_factory=dict[str, dict[Dim, int]])


def load_mappings(path: str | Path, workload: Workload, accelerator: Accelerator) -> dict[str, Nest]:
    """Read mappings and check that they cover their layers; `cost` checks that they fit on the chip.

    Raises:
        ConfigError: A line breaks the rule, names a layer or level that is not there, leaves work out, or
            pads without saying so; every problem is listed.
    """
    file = WrittenMappings.parse(load_keys(path), str(path))
    layers = {layer.name: layer for layer in workload.layers}
    levels = tuple(level.name for level in accelerator.levels)
    problems = [
        Problem(f"mappings.{name}", "no such layer", one_of(layers), did_you_mean(name, tuple(layers)))
        for name in dict.fromkeys([*file.mappings, *file.padded])
        if name not in layers
    ]
    found: dict[str, Nest] = {}
    for name, line in file.mappings.items():
        where = f"mappings.{name}"
        loops = parse_loops(line, where)
        wrong = list(unknown_levels([loop.level for loop in loops], levels, where))
        if not wrong and name in layers:
            found[name] = Nest(levels, loops)
            dims = LoopProblem.of(layers[name]).dims
            wrong = list(uncovered(found[name], dims, where, file.padded.get(name, {})))
        problems += wrong
    ConfigError.if_any(problems)
    return found


def parse_loops(line: str, where: str) -> tuple[Loop, ...]:
    """The loops of one line.

    Raises:
        ConfigError: It breaks the rule.
    """
    return tuple(loop for part in line.split("|") for loop in _level(part.strip(), where))


def line_of(nest: Nest) -> str:
    """One mapping as a line; loops that run once are left out."""
    return " | ".join(f"{level}:{text}" for level in nest.levels if (text := _loops_of(nest, level)))


def _level(part: str, where: str) -> Iterator[Loop]:
    match = re.fullmatch(rf"(\w+):((?: [{''.join(DIMS)}]\d+)*)(?: /((?: [{''.join(DIMS)}]\d+)+))?", part)
    if not match:
        raise ConfigError(Problem(where, repr(part), _RULE))
    for kind, loops in zip(_KINDS, (match[2], match[3] or ""), strict=True):
        for loop in loops.split():
            bound = int(loop[1:])
            if not 1 <= bound <= 10**9:
                raise ConfigError(Problem(where, repr(loop), "a bound from 1 to 1000000000"))
            yield Loop.of(match[1], kind, cast(Dim, loop[0]), bound)


def _loops_of(nest: Nest, level: str) -> str:
    own = [loop for loop in nest.loops if loop.level == level and int(loop.bound.flat[0]) > 1]
    temporal, spatial = (
        "".join(f" {x.dim}{int(x.bound.flat[0])}" for x in own if x.kind == k) for k in _KINDS
    )
    return temporal + (f" /{spatial}" if spatial else "")
