"""Ours beside theirs, row by row and sweep by sweep, and what counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.hardware.published.chips.predict import Prediction, predict
from spareto.hardware.published.chips.rows import Measurements, Quantity, Row, Slope

Verdict = Literal["within", "miss", "fitted", "recalled", "not run"]

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

    row: Row
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
        if self.row.census == "full":
            return "within" if abs(self.error) <= FULL_BOUND else "miss"
        ratio = self.ours / self.measured
        return "within" if 1 / PARTIAL_FACTOR <= ratio <= PARTIAL_FACTOR else "miss"

    @property
    def bound(self) -> str:
        """What it is held to."""
        return f"{100 * FULL_BOUND:.0f} %" if self.row.census == "full" else f"factor {PARTIAL_FACTOR:g}"


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


def compare(measurements: Measurements, chip: str | None = None) -> list[Comparison]:
    """Every number of every row, of one chip if it is named.

    Raises:
        ConfigError: A row names numbers or parts that are not there.
        CapacityError: A network does not fit its chip.
    """
    rows = [row for row in measurements.rows if chip is None or row.chip == chip]
    return [each for row in rows for each in _compared(row, predict(row))]


def compare_slopes(measurements: Measurements, chip: str | None = None) -> list[SlopeComparison]:
    """Every sweep, of one chip if it is named.

    Raises:
        ConfigError: A sweep names rows that are not there, or that do not hold its quantity.
    """
    rows = {row.id: row for row in measurements.rows}
    found = [_slope(slope, rows) for slope in measurements.slopes]
    return [each for each in found if chip is None or rows[each.slope.rows[0]].chip == chip]


def _compared(row: Row, ours: Prediction | None) -> list[Comparison]:
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


def _slope(slope: Slope, rows: Mapping[str, Row]) -> SlopeComparison:
    problems = [
        Problem(f"slope '{slope.id}'", f"row '{name}'", one_of(rows), did_you_mean(name, tuple(rows)))
        for name in slope.rows
        if name not in rows or slope.quantity not in rows[name].measured
    ]
    if len(slope.rows) != len(slope.along):
        problems.append(Problem(f"slope '{slope.id}'", f"{len(slope.along)} numbers", "one a row"))
    if problems:
        raise ConfigError(problems)
    ours = [predict(rows[name]) for name in slope.rows]
    values = [each.value(slope.quantity) for each in ours if each]
    if len(values) < len(slope.rows):
        raise ConfigError(Problem(f"slope '{slope.id}'", "rows that cannot be run", "rows with a network"))
    measured = [rows[name].measured[slope.quantity] for name in slope.rows]
    return SlopeComparison(slope, _growth(slope.along, measured), _growth(slope.along, values))


def _growth(along: tuple[float, ...], values: list[float]) -> float:
    return float(np.polyfit(np.asarray(along), np.asarray(values), 1)[0])
