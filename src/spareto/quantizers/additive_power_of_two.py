"""Weights that are sums of a few powers of two: dense near zero, yet not empty near the clip."""

from __future__ import annotations

from itertools import product
from typing import ClassVar

from typing_extensions import override

from spareto.quantizers._table import TableQuantizer


class AdditivePowerOfTwo(TableQuantizer):
    """Magnitudes `a · γ · Σ p_i`: two bits say whether a term is 0 or one of three powers of two.

    An odd bit adds a term of 0 or one power. The powers are dealt in turn, `2^−1, 2^−2, ...`, so no two
    sums are equal: 4 bits give `{0, 1/2, 1/4, 1/16} + {0, 1/8}`; `γ` makes the largest sum 1. Two bits are
    ternary.

    Reference:
        li2020 (APoT), equations 4 and 5; its clip is learned as here, its normalization of weights left out.
    """

    bits_supported: ClassVar[range] = range(2, 9)

    @staticmethod
    @override
    def points(bits: int) -> list[float]:
        sums = sorted(sum(terms) for terms in product(*_terms(bits - 1)))
        return [value / sums[-1] for value in sums]


def _terms(magnitude_bits: int) -> list[list[float]]:
    """Values each term may take."""
    pairs, single = divmod(magnitude_bits, 2)
    terms: list[list[float]] = [[0.0] for _ in range(pairs + single)]
    exponent = 0
    for turn in range(3):
        takers = terms[:pairs] if turn < 2 else terms[pairs:] + terms[:pairs]
        for term in takers:
            exponent += 1
            term.append(2.0**-exponent)
    return terms
