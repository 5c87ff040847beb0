"""Straight-through estimator: backward treats rounding as the identity."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.quantizers.rounding._base import Rounding


class StraightThrough(Rounding):
    """`g`: the gradient passes unchanged.

    Reference:
        bengio2013: the straight-through estimator.
    """

    straight: ClassVar[bool] = True

    @override
    def gradient(self, grad: Tensor, offset: Tensor) -> Tensor:
        return grad
