"""Rectangle surrogate."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons.surrogates._base import Surrogate


class Rectangle(Surrogate):
    """Derivative `α` where `|x| < 1 / (2 α)`, else 0: a piecewise linear step.

    Args:
        alpha: Slope, one over the width of the window.

    Reference:
        wu2018: spatio-temporal backpropagation, alpha 1.
    """

    kernel: ClassVar[int | None] = 4

    def __init__(self, alpha: Positive = 1.0) -> None:
        super().__init__(alpha)

    @override
    def primitive(self, x: Tensor) -> Tensor:
        return torch.clamp(x * self.alpha + 0.5, 0.0, 1.0)

    @override
    def derivative(self, x: Tensor) -> Tensor:
        return ((x * self.alpha).abs_() < 0.5).to(x.dtype).mul_(self.alpha)
