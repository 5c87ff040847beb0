"""Dot products of logarithmic numbers, in plain floats and whole numbers: what a datapath must agree with.

A number is `± s · 2^(p/γ)` with a whole exponent `p`. Multiplying adds exponents. A sum needs the numbers
themselves: `p = γ·q + r`, and `2^(r/γ)` comes out of a table of γ constants, which `q` shifts. A small table
leaves the low bits of `r` to the straight line `2^f ≈ 1 + f`.

Hardware that sorts the shifts by their remainder before it multiplies is claimed in patents (US 11,886,980
and relatives). Nothing here does that: terms are added one by one. What it costs is in the `lns_45nm` table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spareto.core.errors import ConfigError, Problem


@dataclass(frozen=True)
class LogarithmicNumber:
    """`sign · 2^(exponent/γ)`; the scale is its tensor's.

    Args:
        sign: −1, 0 or 1; a zero has any exponent.
        exponent: Whole.
    """

    sign: int
    exponent: int


def encode(value: float, scale: float, gamma: int, bits: int) -> LogarithmicNumber:
    """The nearest number in the logarithm, within the range of the width.

    Args:
        value: Finite.
        scale: Smallest magnitude, above 0.
        gamma: Exponents in one octave.
        bits: Width; one bit is the sign's.

    Returns:
        Sign and exponent from 0 to `2^(bits−1) − 1`.

    Example:
        >>> encode(-4.1, 1.0, 8, 8)
        LogarithmicNumber(sign=-1, exponent=16)

    Reference:
        zhao2022 (LNS-Madam), the quantizer.
    """
    if value == 0:
        return LogarithmicNumber(0, 0)
    exponent = round(gamma * math.log2(abs(value) / scale))
    return LogarithmicNumber(1 if value > 0 else -1, min(max(exponent, 0), 2 ** (bits - 1) - 1))


def product(a: LogarithmicNumber, b: LogarithmicNumber) -> LogarithmicNumber:
    """The exact product: signs multiply, exponents add."""
    return LogarithmicNumber(a.sign * b.sign, a.exponent + b.exponent)


def constants(gamma: int, fraction_bits: int = 8, entries: int | None = None) -> tuple[int, ...]:
    """What each remainder `0 .. γ − 1` stands for, in units of `2^−fraction_bits`.

    Args:
        gamma: Exponents in one octave, a power of two.
        fraction_bits: Bits behind the binary point.
        entries: Constants in the table, a power of two up to γ; remainders between two of them lie on a
            straight line. Left out, all γ; 1 is Mitchell's approximation.

    Raises:
        ConfigError: Table and base factor do not fit together.

    Example:
        >>> constants(8)
        (256, 279, 304, 332, 362, 395, 431, 470)
        >>> constants(8, entries=1)
        (256, 288, 320, 352, 384, 416, 448, 480)

    Reference:
        mitchell1962 for the line; zhao2022, the hybrid of table and line.
    """
    _check(gamma, gamma if entries is None else entries)
    return tuple(round(2**fraction_bits * approximate(r, gamma, entries)) for r in range(gamma))


def approximate(remainder: int, gamma: int, entries: int | None = None) -> float:
    """`2^(remainder/γ)` by a table and a line: the table's constant times `1 + low/γ`.

    Args:
        remainder: From 0 to γ − 1.
        gamma: Exponents in one octave.
        entries: Constants in the table; left out, γ, which is exact.

    Raises:
        ConfigError: Table and base factor do not fit together.

    Example:
        >>> round(approximate(3, 8, 1), 4), round(2 ** (3 / 8), 4)
        (1.375, 1.2968)
    """
    entries = gamma if entries is None else entries
    _check(gamma, entries)
    high, low = divmod(remainder, gamma // entries)
    return 2.0 ** (high / entries) * (1 + low / gamma)


def worst_error(gamma: int, entries: int) -> float:
    """Largest relative error of `approximate` over all remainders; it never lies below the true value.

    Example:
        >>> [round(100 * worst_error(4096, entries), 2) for entries in (1, 2, 4, 8)]
        [6.15, 6.15, 5.11, 3.16]
    """
    return max(approximate(r, gamma, entries) / 2.0 ** (r / gamma) - 1 for r in range(gamma))


def dot(a: Sequence[LogarithmicNumber], b: Sequence[LogarithmicNumber], gamma: int) -> float:
    """`Σ a·b` in floating point, rounded once, in units of the two scales' product."""
    terms = (product(one, two) for one, two in zip(a, b, strict=True))
    return math.fsum(term.sign * 2.0 ** (term.exponent / gamma) for term in terms)


def dot_of_constants(
    a: Sequence[LogarithmicNumber], b: Sequence[LogarithmicNumber], table: Sequence[int]
) -> int:
    """`Σ a·b` as a machine with that table adds it up, exact in whole numbers.

    Args:
        a: Numbers with exponents of at least 0.
        b: As many.
        table: A constant a remainder; its length is γ.

    Returns:
        The sum in units of the table's last place and of the two scales' product.

    Example:
        >>> two = LogarithmicNumber(1, 8)
        >>> dot_of_constants([two, two], [two, two], constants(8)) / 256
        8.0
    """
    total = 0
    for one, two in zip(a, b, strict=True):
        term = product(one, two)
        shift, remainder = divmod(term.exponent, len(table))
        total += term.sign * (table[remainder] << shift)
    return total


def _check(gamma: int, entries: int) -> None:
    problems = [
        Problem(name, str(value), "a power of two")
        for name, value in (("gamma", gamma), ("entries", entries))
        if value < 1 or value & (value - 1)
    ]
    if not problems and entries > gamma:
        problems.append(Problem("entries", str(entries), f"at most {gamma}, one a remainder"))
    if problems:
        raise ConfigError(problems)
