"""The two axes of a front: limits, ticks, and where a value falls; figure and page draw from the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from spareto.records.rows import row_chosen_by
from spareto.reports.across import Across

_LOG_FROM = 3.0  # on a linear axis, a wider range leaves most networks in one corner
_CROP_FROM, _CROP_TO = 0.25, 0.15
_MAX_LOG_TICKS = 9
_LEAST_SPAN = 2.0


@dataclass(frozen=True)
class Axis:
    """Limits and ticks in the axis's own unit; linear, or logarithmic."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where `value` falls: 0 at the low end, 1 at the high end; values outside are moved to the end."""
        low, high = self._scale(self.low), self._scale(self.high)
        return (self._scale(min(max(value, self.low), self.high)) - low) / (high - low)

    def _scale(self, value: float) -> float:
        return math.log(value) if self.log else value


@dataclass(frozen=True)
class FrontAxes:
    """A quantity in its own unit (x) and accuracy in percent (y); `below` counts what y leaves out."""

    quantity: Axis
    accuracy: Axis
    below: int


def front_axes(over: Across) -> FrontAxes:
    """Axes that hold every recipe; those far below the best would squeeze all others and are left out."""
    results = over.results
    values = [*map(over.of, results.means), *map(over.of_trial, results.trials)]
    shares = [row_chosen_by(row) for row in (*results.means, *results.rows)]
    best, worst = max(shares), min(shares)
    floor = best - _CROP_TO if best - worst > _CROP_FROM else worst
    accuracy = linear_axis([100 * max(share, floor) for share in shares], ceiling=100.0)
    below = sum(100 * row_chosen_by(row) < accuracy.low for row in results.means)
    return FrontAxes(quantity_axis(values), accuracy, below)


def quantity_axis(values: Sequence[float]) -> Axis:
    """Linear from 0, or logarithmic where the largest value is more than three times the smallest."""
    low, high = min(values), max(values)
    if low <= 0 or high / low <= _LOG_FROM:
        top = 1.06 * high or 1.0
        return Axis(0.0, top, False, _nice_ticks(0.0, top))
    low, high = low / 1.3, high * 1.3
    ticks = _log_ticks(low, high, (1, 2, 5))
    return Axis(low, high, True, ticks if len(ticks) <= _MAX_LOG_TICKS else _log_ticks(low, high, (1,)))


def linear_axis(values: Sequence[float], ceiling: float) -> Axis:
    """A linear axis with some air; it passes `ceiling` only by as much as a marker on it needs.

    It spans at least two units, so that a difference of a few test samples does not look like a cliff.
    """
    low, high = min(values), max(values)
    air = max(0.08 * (high - low), (_LEAST_SPAN - (high - low)) / 2)
    low, high = low - air, min(high + air, ceiling + 0.5 * air)
    return Axis(low, high, False, tuple(tick for tick in _nice_ticks(low, high) if tick <= ceiling))


def _nice_ticks(low: float, high: float) -> tuple[float, ...]:
    found = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return tuple(float(tick) for tick in found if low <= tick <= high)


def _log_ticks(low: float, high: float, digits: Sequence[int]) -> tuple[float, ...]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = (float(f"{digit}e{decade}") for decade in decades for digit in digits)
    return tuple(tick for tick in found if low <= tick <= high)
