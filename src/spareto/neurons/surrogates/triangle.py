"""Triangle surrogate."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons.surrogates._base import Surrogate


class Triangle(Surrogate):
    """Derivative `α max(0, 1 − α |x|)`: a piecewise quadratic step.

    Args:
        alpha: Slope; the derivative is alpha at the threshold and 0 from 1 / alpha away.

    Reference:
        bellec2018: long short-term memory in networks of spiking neurons.
    """

    kernel: ClassVar[int | None] = 3

    def __init__(self, alpha: Positive = 1.0) -> None:
        super().__init__(alpha)

    @override
    def primitive(self, x: Tensor) -> Tensor:
        z = torch.clamp(x * self.alpha, -1.0, 1.0)
        return z - z * z.abs() / 2 + 0.5

    @override
    def derivative(self, x: Tensor) -> Tensor:
        return (1.0 - (x * self.alpha).abs_()).clamp_(min=0.0).mul_(self.alpha)
