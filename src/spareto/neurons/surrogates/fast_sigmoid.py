"""Fast sigmoid surrogate."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons.surrogates._base import Surrogate


class FastSigmoid(Surrogate):
    """Derivative `1 / (1 + α |x|)²`, whose step `x / (1 + α |x|) + 1/α` rises by `2 / α`.

    The field trains with this form, which is 1 at the threshold whatever the slope.

    Args:
        alpha: Slope.

    Reference:
        zenke2018: SuperSpike, alpha 100; snnTorch's default is 25.
    """

    kernel: ClassVar[int | None] = 2

    def __init__(self, alpha: Positive = 25.0) -> None:
        super().__init__(alpha)

    @property
    @override
    def height(self) -> float:
        return 1.0

    @property
    @override
    def area(self) -> float:
        return 2.0 / self.alpha

    @override
    def primitive(self, x: Tensor) -> Tensor:
        return x / (x.abs() * self.alpha + 1.0) + 1.0 / self.alpha

    @override
    def derivative(self, x: Tensor) -> Tensor:
        return x.abs().mul_(self.alpha).add_(1.0).square_().reciprocal_()
