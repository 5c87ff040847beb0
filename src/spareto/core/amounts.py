"""How numbers are written for people; JSON keeps picojoules and shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Final

_GLUE = "\N{NO-BREAK SPACE}"  # a number and its unit stay on one line


@dataclass(frozen=True)
class EnergyUnit:
    """An energy unit: its sign, and its size in picojoules."""

    sign: str
    pj: float

    def of(self, energy_pj: float) -> str:
        """An energy in this unit, without the sign."""
        return digits(energy_pj / self.pj)

    def text(self, energy_pj: float) -> str:
        """An energy in this unit with its sign: `1.37 µJ`."""
        return f"{self.of(energy_pj)}{_GLUE}{self.sign}"


MICROJOULES: Final = EnergyUnit("µJ", 1e6)
_UNITS = (
    EnergyUnit("J", 1e12),
    EnergyUnit("mJ", 1e9),
    MICROJOULES,
    EnergyUnit("nJ", 1e3),
    EnergyUnit("pJ", 1.0),
)


def energy_unit(energies_pj: Iterable[float]) -> EnergyUnit:
    """The largest unit in which the largest of the energies is at least 1; one unit serves a whole figure."""
    largest = max(energies_pj, default=0.0)
    return next((unit for unit in _UNITS if largest >= unit.pj), _UNITS[-1])


def energy(energy_pj: float, unit: EnergyUnit | None = None) -> str:
    """An energy for a terminal, in a unit given or the one that suits it.

    >>> energy(1234.0), energy(1234.0, MICROJOULES)
    ('1.23 nJ', '0.00123 µJ')
    """
    chosen = unit or energy_unit([energy_pj])
    return f"{chosen.of(energy_pj)} {chosen.sign}"


def duration(time_us: float | None) -> str:
    """A time for a terminal, in the unit that suits it; a dash where it is not known.

    >>> duration(306_000.0)
    '306 ms'
    """
    if time_us is None:
        return "–"
    sign, size = next(((s, us) for s, us in (("s", 1e6), ("ms", 1e3)) if time_us >= us), ("µs", 1.0))
    return f"{digits(time_us / size)} {sign}"


def memory(bits: float) -> str:
    """An amount of memory for a terminal: `512 B`, `4.16 KiB`."""
    return file_size(bits / 8).replace(_GLUE, " ")


def digits(value: float) -> str:
    """A number with three significant digits and never an exponent.

    >>> digits(0.04481), digits(1.367), digits(97.25), digits(1234.5)
    ('0.0448', '1.37', '97.2', '1,234')
    """
    if value == 0 or not isfinite(value):
        return f"{value:.0f}"
    after = max(0, 2 - floor(log10(abs(float(f"{value:.2e}")))))
    return f"{value:,.{min(after, 9)}f}"


def times(whole: float, part: float) -> str:
    """How many times `part` goes into `whole`, three significant digits; `∞` for a part of nothing."""
    return digits(whole / part) if part else "∞"


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
    return f"{digits(kib)}{_GLUE}KiB" if kib < 1024 else f"{digits(kib / 1024)}{_GLUE}MiB"
