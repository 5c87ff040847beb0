"""Element-wise scaling that soon saturates."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers.rounding._base import ScaledRounding

STEEPNESS = 4.0


class Tanh(ScaledRounding):
    """`g · (1 + δ/2 · sign(g) · tanh(4 · (x − round(x))))`.

    Args:
        delta: How much the distance counts; 0 is straight-through.

    Reference:
        schaefer2022 compares this and other gradients of rounding.
    """

    @override
    def gradient(self, grad: Tensor, offset: Tensor) -> Tensor:
        return torch.addcmul(grad, grad.abs(), (offset * STEEPNESS).tanh_(), value=self.delta / 2)
