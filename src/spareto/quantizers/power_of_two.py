"""Weights that are powers of two: a shift in place of a multiplier."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from spareto.quantizers._table import TableQuantizer


class PowerOfTwo(TableQuantizer):
    """Magnitudes 0 and `a · 2^−k` for `k = 0 .. 2^(bits−1) − 2`.

    Reference:
        miyashita2016: logarithmic codes; zhou2017 (INQ): weights of powers of two or zero.
    """

    bits_supported: ClassVar[range] = range(2, 6)  # 6 bits would reach down to 2^−30 of the clip

    @staticmethod
    @override
    def points(bits: int) -> list[float]:
        count = 2 ** (bits - 1) - 1
        return [0.0, *(2.0 ** (k - count) for k in range(1, count + 1))]
