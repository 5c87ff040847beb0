"""Shares of weights that remain after each stage of an iterative pruning."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from spareto.core.config import Rule
from spareto.pruners.schedules._base import Update, last_of_each_step

Left = Annotated[float, Field(gt=0, lt=1, strict=True), Rule("a share above 0 and below 1")]

HAWKS: Final = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0334, 0.0112)
"""The stages of hawks2021."""


def _falling(shares: tuple[float, ...]) -> tuple[float, ...]:
    if any(later >= earlier for earlier, later in itertools.pairwise(shares)):
        raise ValueError("shares that fall from stage to stage")
    return shares


Remaining = Annotated[
    tuple[Left, ...],
    Field(max_length=1000),
    AfterValidator(_falling),
]


def stages(remaining: Iterable[float], target: float) -> tuple[float, ...]:
    """Sparsities of the stages on the way to a target, and the target itself.

    >>> stages((0.9, 0.5, 0.1), 0.8)
    (0.1, 0.5, 0.8)
    """
    on_the_way = [round(1 - left, 12) for left in remaining]
    return (*(share for share in on_the_way if share < target), target)


def evenly_long(shares: tuple[float, ...], steps: int) -> tuple[Update, ...]:
    """One stage after the other, all equally long, the first without a mask."""
    rising = (0.0, *shares)
    return last_of_each_step(
        Update(number * steps // len(rising), share) for number, share in enumerate(rising)
    )
