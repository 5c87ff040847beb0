"""Ranges of a workload's figures, and how figures that contradict each other are told.

Counts are means over samples, so they agree up to the rounding of floating-point sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeVar

from spareto.core.config import Record, contradiction
from spareto.core.errors import Problem

RecordT = TypeVar("RecordT", bound=Record)
Statistic = Literal["mean", "max"]

_ROUNDING: Final = 1e-6


def require(record: RecordT, problems: Iterator[Problem]) -> RecordT:
    """The record, if nothing in it contradicts itself."""
    if found := list(problems):
        raise contradiction(found)
    return record


def ordered(name: str, mean: float | None, largest: float | None) -> Iterator[Problem]:
    """A maximum below its mean, or one of the two alone."""
    if (mean is None) != (largest is None):
        yield Problem(f".{name}_mean", f"{mean} beside a maximum of {largest}", "both or none")
    elif mean is not None and largest is not None and largest < mean * (1 - _ROUNDING):
        where = f".{name}_max" if name.isidentifier() else f".{name}"
        yield Problem(where, f"a maximum of {largest:.12g}", f"at least the mean, {mean:.12g}")


def at_most(where: str, given: float | None, most: float, of_what: str) -> Iterator[Problem]:
    """A figure above what it is a part of."""
    if given is not None and given > most * (1 + _ROUNDING) + 1e-9:
        yield Problem(where, f"{given:.12g}", f"at most {most:.12g} ({of_what})")


def each_at_most(where: str, given: Sequence[float], most: float) -> Iterator[Problem]:
    """Entries of a list above what each is a part of."""
    for place, each in enumerate(given):
        yield from at_most(f"{where}[{place}]", each, most, "elements")


def same(where: str, total: float, expected: float, of_what: str = "non-zero elements") -> Iterator[Problem]:
    """A sum that differs from the figure it stands for."""
    if abs(total - expected) > _ROUNDING * max(total, expected) + 1e-9:
        yield Problem(where, f"a sum of {total:.12g}", f"{expected:.12g}, the mean of {of_what}")
