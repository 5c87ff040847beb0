"""Options that are numbers: what each may be stands beside its type, and others are refused at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cyclopts import Parameter

from spareto.core.limits import MOST_AMOUNT, MOST_COUNTED, MOST_SEED, MOST_WORKERS


@dataclass(frozen=True)
class Within:
    """Looks at one number, or at each of several.

    Args:
        least: The least it may be.
        most: The most.
        rule: Both in words.
    """

    least: float
    most: float
    rule: str

    def __call__(self, kind: Any, value: Any) -> None:
        """What `cyclopts` calls with an option's type and value; it names the option and the value itself.

        Raises:
            ValueError: It is out of range.
        """
        for number in value if isinstance(value, (list, tuple)) else (value,):
            if number is not None and not self.least <= number <= self.most:
                raise ValueError(f"Expected {self.rule}.")


def count(least: int = 1, most: int = MOST_COUNTED) -> Parameter:
    """A whole number."""
    return Parameter(validator=Within(least, most, f"an integer from {least:,} to {most:,}"))


def workers() -> Parameter:
    """Processes or threads."""
    return count(most=MOST_WORKERS)


def seed() -> Parameter:
    """A seed of random numbers."""
    return Parameter(validator=Within(0, MOST_SEED, "an integer of at least 0, below 2^63"))


def share() -> Parameter:
    """A part of a whole."""
    return Parameter(validator=Within(0.0, 1.0, "a number from 0 to 1"))


def above() -> Parameter:
    """A physical size: a number above 0."""
    return Parameter(validator=Within(math.ulp(0.0), MOST_AMOUNT, "a number above 0"))
