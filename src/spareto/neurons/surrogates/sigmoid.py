"""Sigmoid surrogate."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons.surrogates._base import Surrogate


class Sigmoid(Surrogate):
    """Step `σ(α x)`, derivative `α σ(α x) (1 − σ(α x))`.

    Args:
        alpha: Slope; the derivative at the threshold is alpha / 4.
    """

    kernel: ClassVar[int | None] = 1

    def __init__(self, alpha: Positive = 4.0) -> None:
        super().__init__(alpha)

    @override
    def primitive(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x * self.alpha)

    @override
    def derivative(self, x: Tensor) -> Tensor:
        fall = torch.exp(-torch.abs(x * self.alpha))  # never overflows, and keeps its digits far out
        return fall.div_((fall + 1.0).square_()).mul_(self.alpha)
