"""How numbers are written for people; JSON keeps picojoules and shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_GLUE = "\N{NO-BREAK SPACE}"  # a number and its unit stay on one line


@dataclass(frozen=True)
class Unit:
    """An energy unit: its sign, and its size in picojoules."""

    sign: str
    pj: float

    def of(self, energy_pj: float) -> str:
        """An energy in this unit, three significant digits, without the sign."""
        return amount(energy_pj / self.pj)

    def text(self, energy_pj: float) -> str:
        """An energy in this unit with its sign: `1.37 µJ`."""
        return f"{self.of(energy_pj)}{_GLUE}{self.sign}"


_UNITS = (Unit("J", 1e12), Unit("mJ", 1e9), Unit("µJ", 1e6), Unit("nJ", 1e3), Unit("pJ", 1.0))


def energy_unit(energies_pj: Iterable[float]) -> Unit:
    """The largest unit in which the largest of the energies is at least 1; one unit serves a whole figure."""
    largest = max(energies_pj, default=0.0)
    return next((unit for unit in _UNITS if largest >= unit.pj), _UNITS[-1])


def amount(value: float) -> str:
    """A number with three significant digits and never an exponent: `0.234`, `1.37`, `97.2`, `1,234`."""
    digits = 3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f}"


def times(whole: float, part: float) -> str:
    """How many times `part` goes into `whole`, three significant digits; `∞` for a part of nothing."""
    return amount(whole / part) if part else "∞"


def percent(share: float) -> str:
    """A share with its sign: `97.2 %`."""
    return f"{100 * share:.1f}{_GLUE}%"


def points(share: float) -> str:
    """A difference of two shares in percentage points: `0.8 points`."""
    return f"{100 * share:.1f}{_GLUE}points"


def file_size(count: float) -> str:
    """Bytes in the unit people read them in: `512 B`, `4.16 KiB`."""
    if count < 1024:
        return f"{count:.0f}{_GLUE}B"
    kib = count / 1024
    return f"{amount(kib)}{_GLUE}KiB" if kib < 1024 else f"{amount(kib / 1024)}{_GLUE}MiB"
