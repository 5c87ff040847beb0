"""Element-wise gradient scaling, the study's choice."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers.rounding._base import ScaledRounding


class ElementWiseScaling(ScaledRounding):
    """`g · (1 + δ · sign(g) · (x − round(x)))`: larger where the step to take leads away from the code.

    Args:
        delta: How much the distance counts; 0 is straight-through.

    Reference:
        lee2021 (EWGS), equation 4; schaefer2023 trains with δ = 5e-3.
    """

    @override
    def gradient(self, grad: Tensor, offset: Tensor) -> Tensor:
        return torch.addcmul(grad, grad.abs(), offset, value=self.delta)
