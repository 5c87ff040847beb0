"""Rounding that backward does not exist."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from spareto.quantizers.rounding._base import Rounding


class StraightThrough(Rounding):
    """`g`: the gradient passes unchanged.

    Reference:
        bengio2013: the straight-through estimator.
    """

    straight: ClassVar[bool] = True

    def gradient(self, grad: Tensor, offset: Tensor) -> Tensor:
        """See `Rounding.gradient`."""
        return grad
