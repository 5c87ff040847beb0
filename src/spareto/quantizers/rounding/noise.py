"""Element-wise scaling by chance: what is left of EWGS when the distance says nothing."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers.rounding._base import ScaledRounding


class Noise(ScaledRounding):
    """`g · (1 + δ · sign(g) · u)` with `u` uniform on −1/2..1/2, drawn anew for every element and call.

    Args:
        delta: How much the noise counts; 0 is straight-through.

    Reference:
        lee2021, equation 4, with noise of the same range in place of the distance to the code; the
        control for `ewgs`.
    """

    @override
    def gradient(self, grad: Tensor, offset: Tensor) -> Tensor:
        return torch.addcmul(grad, grad.abs(), torch.rand_like(grad).sub_(0.5), value=self.delta)
