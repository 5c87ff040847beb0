"""What a rounding gradient is: rounding has the derivative 0 almost everywhere, so training uses another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import Tensor

from spareto.core.config import Rule
from spareto.core.options import hold_options

DELTA = 5e-3  # schaefer2023, section III
Delta = Annotated[float, Field(ge=0, lt=1e30), Rule("a number of at least 0")]


class Rounding(ABC):
    """Gradient of a value that was rounded to the nearest code; one file each in `quantizers/rounding/`.

    Forward, every rounding is the same: to the nearest integer, half to even.

    Attributes:
        straight: The gradient passes unchanged, so `gradient` need not be called.
    """

    straight: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "rounding")

    @abstractmethod
    def gradient(self, grad: Tensor, offset: Tensor) -> Tensor:
        """The gradient for the value before rounding.

        It scales with `grad`: twice the gradient in, twice the gradient out.

        Args:
            grad: Gradient for the rounded value.
            offset: Value before rounding less value after it, in units of the gap between codes, −1/2..1/2.

        Returns:
            Same shape as `grad`.
        """


class ScaledRounding(Rounding):
    """One that scales the gradient.

    Args:
        delta: How much it is scaled; 0 is straight-through.
    """

    def __init__(self, delta: Delta = DELTA) -> None:
        self.delta = delta
