"""The two operations of the integer network that lose something: rounding and saturation."""

from __future__ import annotations

from typing import Any


def rounded(value: Any, shift: int) -> Any:
    """`value / 2^shift`, to the nearest integer, halves to the even one.

    Args:
        value: An integer or an array of integers, which must hold `value + 2^(shift-1)`.
        shift: At least 0.

    >>> [rounded(value, 1) for value in (-3, -1, 1, 3, 4)]
    [-2, 0, 0, 2, 2]
    """
    if shift == 0:
        return value
    return (value + ((1 << (shift - 1)) - 1) + ((value >> shift) & 1)) >> shift


def saturated(value: Any, most: int) -> Any:
    """An array of integers, kept within `-most` to `most`."""
    return value.clip(-most, most)
