"""The mappings the study's layers may run under, one line each, as `mapping/written.py` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from spareto.core.config import Record
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.mapping import written
from spareto.hardware.mapping.written import line_of as line_of

Portfolio = Mapping[str, tuple[Nest, ...]]


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
    """The loops of one line, bounds of shape (1, 1).

    Raises:
        ConfigError: It breaks the rule.
    """
    return tuple(replace(loop, bound=loop.bound[:, None]) for loop in written.parse_loops(line, where))
