"""Exponential surrogate."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.neurons.surrogates._base import Surrogate


class Exponential(Surrogate):
    """Derivative `α · exp(−α |x|)`, whose step rises by 2.

    The field trains with this form; the fused kernels do not have it, so its neurons run in torch.

    Args:
        alpha: Slope; the derivative at the threshold is alpha.

    Reference:
        shrestha2018: SLAYER; sinabs' default, alpha 2 at threshold 1.
    """

    def __init__(self, alpha: float = 2.0) -> None:
        super().__init__(alpha)

    @property
    def area(self) -> float:
        """See `Surrogate.area`."""
        return 2.0

    def primitive(self, x: Tensor) -> Tensor:
        """See `Surrogate.primitive`."""
        z = x * self.alpha
        return 1.0 - torch.sign(z) * torch.expm1(-z.abs())

    def derivative(self, x: Tensor) -> Tensor:
        """See `Surrogate.derivative`."""
        return (x * self.alpha).abs_().neg_().exp_().mul_(self.alpha)
