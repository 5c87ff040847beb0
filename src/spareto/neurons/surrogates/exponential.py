"""Exponential surrogate."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons.surrogates._base import Surrogate


class Exponential(Surrogate):
    """Derivative `α · exp(−α |x|)`, whose step rises by 2.

    The field trains with this form; the fused kernels do not have it, so its neurons run in torch.

    Args:
        alpha: Slope; the derivative at the threshold is alpha.

    Reference:
        shrestha2018: SLAYER; sinabs' default, alpha 2 at threshold 1.
    """

    def __init__(self, alpha: Positive = 2.0) -> None:
        super().__init__(alpha)

    @property
    @override
    def area(self) -> float:
        return 2.0

    @override
    def primitive(self, x: Tensor) -> Tensor:
        z = x * self.alpha
        return 1.0 - torch.sign(z) * torch.expm1(-z.abs())

    @override
    def derivative(self, x: Tensor) -> Tensor:
        return (x * self.alpha).abs_().neg_().exp_().mul_(self.alpha)
