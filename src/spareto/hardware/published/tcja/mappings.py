"""The mappings the study's layers may run under, one line each: `dram: T20 Q4 | shared_glb: P8 / M4 | ...`.

A level names its temporal loops, outermost first, and after a slash its spatial ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, cast

from spareto.core.config import Record
from spareto.core.errors import ConfigError
from spareto.core.errors import Problem as Trouble
from spareto.hardware.mapping.nest import Loop, LoopKind, Nest
from spareto.hardware.problem import DIMS, Dim

Portfolio = Mapping[str, tuple[Nest, ...]]
_KINDS: tuple[LoopKind, LoopKind] = ("temporal", "spatial")
_RULE = "levels apart by '|', each 'NAME: temporal loops / spatial loops', a loop is a dimension and a bound"


class MappingFile(Record):
    """A mappings file.

    Args:
        about: What the mappings were searched for.
        levels: Names of the array's levels, outermost first.
        mappings: Lines by layer; the first is the one that serves all settings best.
    """

    version: Literal[1]
    about: str
    levels: tuple[str, ...]
    mappings: dict[str, tuple[str, ...]]


def load_portfolio(path: Path) -> Portfolio:
    """Read mappings; bounds have the shape (1, 1), so that settings can be the second axis.

    Raises:
        ConfigError: A line breaks the rule.
    """
    file = MappingFile.load(path)
    return {
        layer: tuple(Nest(file.levels, parse_loops(line, f"mappings.{layer}")) for line in lines)
        for layer, lines in file.mappings.items()
    }


def parse_loops(line: str, where: str) -> tuple[Loop, ...]:
    """The loops of one line.

    Raises:
        ConfigError: It breaks the rule.
    """
    return tuple(loop for part in line.split("|") for loop in _level(part.strip(), where))


def _level(part: str, where: str) -> Iterator[Loop]:
    match = re.fullmatch(rf"(\w+):((?: [{''.join(DIMS)}]\d+)*)(?: /((?: [{''.join(DIMS)}]\d+)+))?", part)
    if not match:
        raise ConfigError(Trouble(where, repr(part), _RULE))
    for kind, loops in zip(_KINDS, (match[2], match[3] or ""), strict=True):
        for loop in loops.split():
            yield Loop.of(match[1], kind, cast(Dim, loop[0]), [[int(loop[1:])]])


def line_of(nest: Nest) -> str:
    """One mapping as a line; loops that run once are left out."""
    return " | ".join(f"{level}:{text}" for level in nest.levels if (text := _loops_of(nest, level)))


def _loops_of(nest: Nest, level: str) -> str:
    own = [loop for loop in nest.loops if loop.level == level and int(loop.bound.flat[0]) > 1]
    temporal, spatial = (
        "".join(f" {x.dim}{int(x.bound.flat[0])}" for x in own if x.kind == k) for k in _KINDS
    )
    return temporal + (f" /{spatial}" if spatial else "")
