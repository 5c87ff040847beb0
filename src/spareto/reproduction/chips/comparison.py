"""Ours beside theirs, row by row and sweep by sweep, and what counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.reproduction.chips.predict import Prediction, predict
from spareto.reproduction.chips.rows import ChipRow, Measurements, Quantity, Slope

Verdict = Literal["within", "miss", "fitted", "idle given", "recalled", "not run"]

FULL_BOUND: Final = 0.25
PARTIAL_FACTOR: Final = 2.0
SLOPE_BOUND: Final = 0.15


@dataclass(frozen=True)
class Comparison:
    """One number of one row.

    Args:
        row: The row.
        quantity: Which of its numbers.
        measured: The published value.
        ours: The model's; None if the row cannot be run.
        idle_mw: Power of the idle point that was used.
    """

    row: ChipRow
    quantity: Quantity
    measured: float
    ours: float | None
    idle_mw: float | None

    @property
    def error(self) -> float | None:
        """Ours by theirs, less one."""
        return None if self.ours is None else self.ours / self.measured - 1.0

    @property
    def verdict(self) -> Verdict:
        """Whether it counts, and holds."""
        if self.ours is None or self.error is None:
            return "not run"
        if self.row.mark == "recalled":
            return "recalled"
        if self.row.fitted:
            return "fitted"
        if self.row.idle_mw and self.quantity.startswith("total"):
            return "idle given"
        if self.close:
            return "within" if abs(self.error) <= FULL_BOUND else "miss"
        ratio = self.ours / self.measured
        return "within" if 1 / PARTIAL_FACTOR <= ratio <= PARTIAL_FACTOR else "miss"

    @property
    def close(self) -> bool:
        """Whether it is held to a quarter: all events are known, and it is no time."""
        return self.row.census == "full" and self.quantity != "time_us"


@dataclass(frozen=True)
class SlopeComparison:
    """One sweep.

    Args:
        slope: The sweep.
        measured: Growth of the published numbers, fitted by least squares.
        ours: Growth of ours.
    """

    slope: Slope
    measured: float
    ours: float

    @property
    def error(self) -> float:
        """Ours by theirs, less one."""
        return self.ours / self.measured - 1.0

    @property
    def verdict(self) -> Verdict:
        """Whether it counts, and holds."""
        if self.slope.fitted:
            return "fitted"
        return "within" if abs(self.error) <= SLOPE_BOUND else "miss"


@dataclass(frozen=True)
class Comparisons:
    """Everything compared.

    Args:
        rows: Every number of every row.
        slopes: Every sweep.
    """

    rows: tuple[Comparison, ...]
    slopes: tuple[SlopeComparison, ...]

    def counted(self, *, close: bool) -> list[Comparison]:
        """Numbers that count: those held to a quarter, or the others."""
        return [each for each in self.rows if each.verdict in ("within", "miss") and each.close == close]

    @property
    def counted_slopes(self) -> list[SlopeComparison]:
        """Sweeps that count."""
        return [each for each in self.slopes if each.verdict in ("within", "miss")]


def compare(measurements: Measurements, chip: str | None = None) -> Comparisons:
    """Run every row, of one chip if it is named, and put ours beside theirs.

    Raises:
        ConfigError: A row names numbers or parts that are not there, or a sweep names such rows.
        UnknownName: A row names a chip that is not there.
        CapacityError: A network does not fit its chip.
    """
    _check_names(measurements)
    rows = {row.id: row for row in measurements.rows if chip is None or row.chip == chip}
    ours = {name: predict(row) for name, row in rows.items()}
    slopes = [slope for slope in measurements.slopes if slope.rows[0] in rows]
    return Comparisons(
        rows=tuple(each for name, row in rows.items() for each in _compared(row, ours[name])),
        slopes=tuple(_slope(slope, rows, ours) for slope in slopes),
    )


def _check_names(measurements: Measurements) -> None:
    """Refuse rows of one name, and sweeps over rows that are not there or do not hold their number."""
    names = [row.id for row in measurements.rows]
    known = {row.id: row for row in measurements.rows}
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [Problem("rows", f"two called '{name}'", "different names") for name in twice]
    for slope in measurements.slopes:
        where = f"slope '{slope.id}'"
        if len(slope.rows) != len(slope.along) or len(set(slope.along)) < 2:
            problems.append(
                Problem(where, f"along {slope.along}", f"{len(slope.rows)} numbers, not all the same")
            )
        for name in slope.rows:
            if name not in known:
                problems.append(
                    Problem(where, f"row '{name}'", one_of(known), did_you_mean(name, tuple(known)))
                )
            elif slope.quantity not in known[name].measured or not known[name].network:
                problems.append(
                    Problem(where, f"row '{name}'", f"a row with a network and '{slope.quantity}'")
                )
    ConfigError.if_any(problems)


def _compared(row: ChipRow, ours: Prediction | None) -> list[Comparison]:
    return [
        Comparison(
            row=row,
            quantity=quantity,
            measured=measured,
            ours=ours.value(quantity) if ours else None,
            idle_mw=ours.idle_mw if ours else None,
        )
        for quantity, measured in row.measured.items()
    ]


def _slope(
    slope: Slope, rows: Mapping[str, ChipRow], ours: Mapping[str, Prediction | None]
) -> SlopeComparison:
    predicted = [found.value(slope.quantity) for name in slope.rows if (found := ours[name])]
    measured = [rows[name].measured[slope.quantity] for name in slope.rows]
    return SlopeComparison(slope, _growth(slope.along, measured), _growth(slope.along, predicted))


def _growth(along: tuple[float, ...], values: list[float]) -> float:
    """Least-squares slope."""
    return float(np.polyfit(np.asarray(along), np.asarray(values), 1)[0])
