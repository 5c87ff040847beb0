"""Arctan surrogate, the study's choice."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons.surrogates._base import Surrogate


class Arctan(Surrogate):
    """Step `arctan(π/2 · α · x) / π + 1/2`, derivative `α/2 / (1 + (π/2 · α · x)²)`.

    Args:
        alpha: Slope; the derivative at the threshold is alpha / 2.

    Reference:
        fang2021: PLIF networks are trained with this surrogate, alpha 2.
    """

    kernel: ClassVar[int | None] = 0

    def __init__(self, alpha: Positive = 2.0) -> None:
        super().__init__(alpha)

    @property
    @override
    def slope(self) -> float:
        return math.pi / 2 * self.alpha

    @property
    @override
    def height(self) -> float:
        return self.alpha / 2

    @override
    def primitive(self, x: Tensor) -> Tensor:
        return torch.atan(x * self.slope) / math.pi + 0.5

    @override
    def derivative(self, x: Tensor) -> Tensor:
        return (x * self.slope).square_().add_(1.0).reciprocal_().mul_(self.height)
