"""A front drawn in letters, for a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from spareto.core.amounts import digits
from spareto.reports.regimes import all_regimes, look_of

WIDTH, HEIGHT = 78, 16
_LOG_FROM: Final = 3.0
_LEFT: Final = 7  # columns of the accuracy axis


def plot(points: Sequence[tuple[float, float, str, bool]], energy_sign: str, accuracy: str) -> Iterator[str]:
    """Lines of a scatter plot, at most 78 columns wide.

    Args:
        points: Energy in the unit of `energy_sign`, accuracy as a share, regime, and whether it is on the
            front, each; at least one.
        energy_sign: Unit of the energies.
        accuracy: What the accuracy axis is called.
    """
    energies = [point[0] for point in points]
    low, high = min(energies), max(energies)
    log = low > 0 and high / low > _LOG_FROM
    bottom, top = _limits([100 * point[1] for point in points])
    columns, rows = WIDTH - _LEFT - 2, HEIGHT
    grid = [[" "] * columns for _ in range(rows)]
    for energy, share, regime, on_front in sorted(points, key=lambda point: point[3]):
        column = round(_place(energy, low, high, log) * (columns - 1))
        row = round((1 - _place(100 * share, bottom, top, log=False)) * (rows - 1))
        letter = look_of(regime).letter
        grid[row][column] = letter.upper() if on_front else letter
    yield f"{accuracy}, %"
    for index, cells in enumerate(grid):
        tick = f"{top - (top - bottom) * index / (rows - 1):5.1f} " if index % 5 == 0 else " " * 6
        yield f"{tick}|{''.join(cells)}".rstrip()
    yield " " * 6 + "+" + "-" * columns
    ends = digits(low), f"{digits(high)} {energy_sign}"
    middle = "energy per inference" + (", log scale" if log else "")
    yield (" " * _LEFT + ends[0] + middle.center(columns - len(ends[0]) - len(ends[1])) + ends[1]).rstrip()
    if any(100 * point[1] < bottom for point in points):
        yield f"{' ' * _LEFT}Networks below {bottom:.1f} % stand on the lowest line."
    present = {point[2] for point in points}
    used = [f"{look_of(name).letter} {name}" for name in all_regimes(sorted(present)) if name in present]
    yield "  ".join(used) + "; capitals: on the front"


def bar(share: float, width: int = 30) -> str:
    """A bar of a share of 1; what is more than nothing shows."""
    return "#" * max(round(share * width), 1 if share > 0 else 0)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low > 25:
        low = high - 15  # networks far below would squeeze all others; they stand on the lowest line
    air = max((high - low) * 0.05, 0.5)
    return max(0.0, low - air), min(100.0, high + air)


def _place(value: float, low: float, high: float, log: bool) -> float:
    if high <= low:
        return 0.5
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return min(max((value - low) / (high - low), 0.0), 1.0)
