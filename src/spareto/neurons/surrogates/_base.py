"""What a surrogate is: the derivative used in place of the spike's, which is zero almost everywhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from spareto.core.options import Positive, hold_options


class Surrogate(ABC):
    """Derivative of a smooth step, used in the backward pass of the firing decision.

    Every surrogate's derivative is `height · f(slope · x)` with one `f` a class, which is what the fused
    kernels compute.

    Args:
        alpha: Slope, more than 0: the larger, the narrower the derivative.

    Attributes:
        kernel: Number of `f` in the fused kernels; None if they do not have it.
        slope: Factor of the distance inside `f`.
        height: Factor of `f`.
        area: What the smooth step rises by; 1 unless the field's form of it is not normalised.

    Raises:
        ConfigError: `alpha` is not a number above 0.

    Reference:
        neftci2019: surrogate gradient learning in spiking neural networks.
    """

    kernel: ClassVar[int | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "surrogate")

    def __init__(self, alpha: Positive) -> None:
        self.alpha = alpha

    @property
    def slope(self) -> float:
        """Factor of the distance inside `f`."""
        return self.alpha

    @property
    def height(self) -> float:
        """Factor of `f`."""
        return self.alpha

    @property
    def area(self) -> float:
        """What the smooth step rises by from far below the threshold to far above it."""
        return 1.0

    @abstractmethod
    def primitive(self, x: Tensor) -> Tensor:
        """The smooth step itself, from 0 to `area`, of the distance `x = v - v_threshold`; any shape."""

    @abstractmethod
    def derivative(self, x: Tensor) -> Tensor:
        """Derivative of `primitive` at `x`; same shape as `x`, never negative."""
