"""The grid that the values of a stored tensor lie on, found from the values alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

MOST_BITS: Final = 16
ROUNDINGS: Final = (4, 64)
"""Rounding errors that may add up in Euclid's algorithm: few first, for many levels lie close together."""
SAMPLE: Final = 4096
EVIDENCE: Final = 40.0
"""Bits: values drawn at random would lie on a grid as well as these with a chance of 2^-40."""
REPEATS: Final = 4
"""How often a value of a codebook occurs on average; real numbers hardly ever occur twice."""
MOST_OF_A_TABLE, FAR_FEWER = 32, 3
"""A table of few values counts rather than a step they share if it takes so many bits less: 1, 2, 4, ... 128
lie on 257 equidistant levels, but are 17 values with their negatives and zero."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """Levels that a tensor's values were found to lie on.

    Args:
        bits: Width of a number that tells them apart.
        levels: How many there are.
        equidistant: Whether they are whole multiples of one step, or just few.
        evidence: How sure that is: bits by which chance is ruled out.
    """

    bits: int
    levels: int
    equidistant: bool
    evidence: float


def levels_of(values: Values, precision: float) -> Levels | None:
    """The grid that values lie on, or None if none is to be seen.

    Args:
        values: Shape `(values,)`.
        precision: Relative rounding error of one value: 2^-24 for single precision.

    Example:
        >>> import numpy as np
        >>> levels_of(0.3 * np.arange(-3, 4).repeat(9), 2.0**-24)
        Levels(bits=3, levels=7, equidistant=True, evidence=1150.0)
    """
    live = values[values != 0]
    if live.size == 0:
        return None
    steps, few = _equidistant(values, live, precision), _codebook(values, live)
    if steps is None or few is None:
        return steps or few
    table = few.levels <= MOST_OF_A_TABLE and few.bits <= steps.bits - FAR_FEWER
    return few if table else steps


def _equidistant(values: Values, live: Values, precision: float) -> Levels | None:
    levels = np.unique(np.abs(live[:: max(1, live.size // SAMPLE)]))
    steps = (_step(levels, roundings * precision) for roundings in ROUNDINGS)
    largest = _largest(values)
    grids = (_on(step, values, live, precision, largest) for step in steps if step is not None)
    return next((grid for grid in grids if grid is not None), None)


def _largest(values: Values) -> float:
    return max(float(values.max()), -float(values.min()))


def _on(step: float, values: Values, live: Values, precision: float, largest: float) -> Levels | None:
    """The grid of a step, if the values lie on it."""
    most = float(np.round(largest / step))
    slack = 4 * precision * most  # a product of step and code is rounded; so is the step itself
    if slack >= 0.25 or _off(values[:SAMPLE] / step) > slack or _off(values / step) > slack:
        return None
    codes = np.round(values / step)
    evidence = (live.size - 2) * math.log2(0.5 / slack)
    low, high = float(codes.min()), float(codes.max())
    gap = float(np.gcd.reduce((codes - low).astype(np.int64))) or 1.0
    levels = int((high - low) / gap) + 1
    bits = max(1, math.ceil(math.log2(levels)))
    return Levels(bits, levels, equidistant=True, evidence=round(evidence, 0)) if bits <= MOST_BITS else None


def _off(codes: Values) -> float:
    """How far the codes are from whole numbers, at most."""
    return float(np.abs(codes - np.round(codes)).max())


def _step(levels: Values, tolerance: float) -> float | None:
    """The largest number of which all levels are whole multiples, up to rounding: Euclid's algorithm."""
    largest, step = float(levels[-1]), float(levels[0])
    slack = tolerance * largest
    while step > largest / 2**MOST_BITS:
        rest = np.abs(levels - step * np.round(levels / step))
        # a multiple of an inexact step is off by as many roundings
        off = rest[rest > slack * np.maximum(1.0, np.round(levels / step))]
        if off.size == 0:
            return _refined(levels, step)
        step = float(off.min())
    return None


def _refined(levels: Values, step: float) -> float:
    """The step told by ever larger levels, each of which tells it more exactly."""
    reach = 2.0
    while True:
        near = levels[levels <= reach * step * 1.25]
        if near.size:
            codes = np.round(near / step)
            step = float((near * codes).sum() / (codes * codes).sum())
        if reach * step > levels[-1]:
            return step
        reach *= 2


def _codebook(values: Values, live: Values) -> Levels | None:
    """Few values that occur again and again, as powers of two do."""
    if live.size < 2 * REPEATS or np.unique(live[:SAMPLE]).size * REPEATS > min(live.size, SAMPLE):
        return None
    levels = int(np.unique(values).size)
    if (levels - 1) * REPEATS > live.size:
        return None
    bits = max(1, math.ceil(math.log2(levels)))
    evidence = 20.0 * (live.size - levels)  # two real numbers share their first 20 bits by a chance of 2^-20
    return Levels(bits, levels, equidistant=False, evidence=evidence) if bits <= MOST_BITS else None


def step_of(values: Values, precision: float) -> float | None:
    """The step of which all values are whole multiples, up to rounding; None if they share none.

    Args:
        values: Shape `(values,)`.
        precision: Relative rounding error of one value.

    >>> import numpy as np
    >>> round(step_of(0.3 * np.arange(-3, 4), 2.0**-24), 6)
    0.3
    """
    live = values[values != 0]
    if live.size == 0:
        return 1.0
    levels = np.unique(np.abs(live))
    steps = (_step(levels, roundings * precision) for roundings in ROUNDINGS)
    largest = _largest(values)
    return next((step for step in steps if step and _on(step, values, live, precision, largest)), None)
