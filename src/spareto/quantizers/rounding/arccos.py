"""The derivative of a smooth staircase made of cosine arcs."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers.rounding._base import ScaledRounding


class Arccos(ScaledRounding):
    """`g · (1 + δ/2 · sin(π · (x − round(x))))`, whatever the sign of the gradient.

    It is the slope of `x − δ/2π · cos(π · (x − round(x)))`.

    Args:
        delta: How much the distance counts; 0 is straight-through.

    Reference:
        schaefer2022 compares this and other gradients of rounding.
    """

    @override
    def gradient(self, grad: Tensor, offset: Tensor) -> Tensor:
        return torch.addcmul(grad, grad, (offset * math.pi).sin_(), value=self.delta / 2)
