"""Sigmoid surrogate."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.neurons.surrogates._base import Surrogate


class Sigmoid(Surrogate):
    """Step `σ(α x)`, derivative `α σ(α x) (1 − σ(α x))`.

    Args:
        alpha: Slope; the derivative at the threshold is alpha / 4.
    """

    def __init__(self, alpha: float = 4.0) -> None:
        self.alpha = alpha

    def primitive(self, x: Tensor) -> Tensor:
        """See `Surrogate.primitive`."""
        return torch.sigmoid(x * self.alpha)

    def derivative(self, x: Tensor) -> Tensor:
        """See `Surrogate.derivative`."""
        step = torch.sigmoid(x * self.alpha)
        return step.mul_(1.0 - step).mul_(self.alpha)
