"""What is wrong with a network's options: each check returns problems, `refuse` raises them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeGuard

from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown

Problems = list[Problem]
MOST: Final = 1 << 16
"""Channels, neurons, votes or classes: the largest number in a network's options."""

LARGEST_FRAME: Final = 1 << 30
"""Values of a frame."""


def refuse(network: str, *checks: Problems) -> None:
    """Raise all problems the checks found, if any.

    Raises:
        ConfigError: Each with the option's full path.
    """
    found = [
        replace(problem, where=f"network '{network}'.{problem.where}") for some in checks for problem in some
    ]
    if found:
        raise ConfigError(found)


def frame(sensor: object, classes: object) -> Problems:
    """What every network is built for: frames of a sensor, and classes."""
    rule = "polarities, height and width, integers of at least 1"
    wrong = _unless(_is_sensor(sensor), "sensor", sensor, rule)
    if not wrong and math.prod(sides(sensor, 0)) > LARGEST_FRAME:
        wrong = [Problem("sensor", shown(sensor), f"frames of at most {LARGEST_FRAME:,} values")]
    return wrong + count("classes", classes)


def sides(sensor: object, first: int = 1) -> Sequence[int]:
    """Height and width of a sensor's frame, from its axis `first` on; nothing of what is no sensor."""
    return sensor[first:] if _is_sensor(sensor) else ()


def flag(option: str, value: object) -> Problems:
    """It must be true or false."""
    return _unless(isinstance(value, bool), option, value, "True or False")


def count(option: str, value: object) -> Problems:
    """It must be an integer of at least 1, and not beyond any network."""
    if _is_count(value) and value > MOST:
        return [Problem(option, shown(value), f"an integer of at most {MOST:,}")]
    return _unless(_is_count(value), option, value, "an integer of at least 1")


def counts(option: str, values: object) -> Problems:
    """It must be a list of integers of at least 1, not beyond any network; it may be empty."""
    if not isinstance(values, list | tuple) or not all(map(_is_count, values)):
        return [Problem(option, shown(values), "a list of integers of at least 1")]
    return [problem for value in values if value > MOST for problem in count(option, value)][:1]


def share(option: str, value: object) -> Problems:
    """It must be a share from 0 to below 1."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1
    return _unless(right, option, value, "a share from 0 to below 1")


def poolings(option: str, sensor: Sequence[int], number: int) -> Problems:
    """Height and width must have a pixel left after so many poolings of 2."""
    return [
        Problem(option, f"{number} poolings of 2", f"few enough to leave one of {side} pixels", "Use fewer.")
        for side in sides(sensor)
        if side >> number < 1
    ]


def _unless(right: bool, option: str, value: object, rule: str) -> Problems:
    return [] if right else [Problem(option, shown(value), rule)]


def _is_sensor(value: object) -> TypeGuard[Sequence[int]]:
    return isinstance(value, list | tuple) and len(value) == 3 and all(map(_is_count, value))


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
