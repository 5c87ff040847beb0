"""Arctan surrogate, the study's choice."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from spareto.neurons.surrogates._base import Surrogate


class Arctan(Surrogate):
    """Step `arctan(π/2 · α · x) / π + 1/2`, derivative `α/2 / (1 + (π/2 · α · x)²)`.

    Args:
        alpha: Slope; the derivative at the threshold is alpha / 2.

    Reference:
        fang2021: PLIF networks are trained with this surrogate, alpha 2.
    """

    kernel: ClassVar[int | None] = 0

    def __init__(self, alpha: float = 2.0) -> None:
        super().__init__(alpha)

    @property
    def slope(self) -> float:
        """See `Surrogate.slope`."""
        return math.pi / 2 * self.alpha

    @property
    def height(self) -> float:
        """See `Surrogate.height`."""
        return self.alpha / 2

    def primitive(self, x: Tensor) -> Tensor:
        """See `Surrogate.primitive`."""
        return torch.atan(x * self.slope) / math.pi + 0.5

    def derivative(self, x: Tensor) -> Tensor:
        """See `Surrogate.derivative`."""
        return (x * self.slope).square_().add_(1.0).reciprocal_().mul_(self.height)
