"""Rules of the options that networks have in common, and what has to fit together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem

MOST: Final = 1 << 16
"""Channels, neurons, votes or classes: the largest number in a network's options."""

LARGEST_FRAME: Final = 1 << 30
"""Values of a frame."""


def _not_too_large(sides: tuple[int, int, int]) -> tuple[int, int, int]:
    if math.prod(sides) > LARGEST_FRAME:
        raise ValueError(f"frames of at most {LARGEST_FRAME:,} values")
    return sides


_Few = Annotated[int, Field(ge=1)]
Sensor = Annotated[
    tuple[_Few, _Few, _Few],
    Field(strict=False),
    Rule("polarities, height and width, integers of at least 1"),
    AfterValidator(_not_too_large),
]
Count = Annotated[int, Field(ge=1, le=MOST), Rule(f"an integer from 1 to {MOST:,}")]
Counts = Annotated[list[Count] | tuple[Count, ...], Rule(f"a list of integers from 1 to {MOST:,}")]
Dropout = Annotated[float, Field(ge=0, lt=1), Rule("a share from 0 to below 1")]


def refuse(problems: Iterable[Problem], network: str) -> None:
    """Raise all problems, if any.

    Raises:
        ConfigError: Each with the option's full path.
    """
    if found := [replace(each, where=f"network '{network}'.{each.where}") for each in problems]:
        raise ConfigError(found)


def poolings(option: str, sensor: Sequence[int], number: int) -> list[Problem]:
    """Height and width must have a pixel left after so many poolings of 2."""
    return [
        Problem(option, f"{number} poolings of 2", f"few enough to leave one of {side} pixels", "Use fewer.")
        for side in sensor[1:]
        if side >> number < 1
    ]
