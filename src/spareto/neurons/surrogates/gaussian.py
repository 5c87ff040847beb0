"""Gaussian surrogate."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons.surrogates._base import Surrogate


class Gaussian(Surrogate):
    """Step `Φ(α x)`, the normal distribution; derivative `α / √(2π) · exp(−(α x)² / 2)`.

    Args:
        alpha: Slope, one over the standard deviation.

    Reference:
        yin2021: accurate and efficient recurrent networks of adaptive neurons.
    """

    kernel: ClassVar[int | None] = 5

    def __init__(self, alpha: Positive = 2.0) -> None:
        super().__init__(alpha)

    @property
    @override
    def height(self) -> float:
        return self.alpha / math.sqrt(2 * math.pi)

    @override
    def primitive(self, x: Tensor) -> Tensor:
        return torch.special.ndtr(x * self.alpha)

    @override
    def derivative(self, x: Tensor) -> Tensor:
        return (x * self.alpha).square_().mul_(-0.5).exp_().mul_(self.height)
