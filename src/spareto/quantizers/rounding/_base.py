"""What a rounding gradient is: rounding has the derivative 0 almost everywhere, so training uses another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

DELTA = 5e-3  # schaefer2023, section III


class Rounding(ABC):
    """Gradient of a value that was rounded to the nearest code; one file each in `quantizers/rounding/`.

    Forward, every rounding is the same: to the nearest integer, half to even.

    Attributes:
        straight: The gradient passes as it is, so nobody need ask.
    """

    straight: ClassVar[bool] = False

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
