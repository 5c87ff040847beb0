"""What a surrogate is: the derivative used in place of the spike's, which is zero almost everywhere."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class Surrogate(ABC):
    """Derivative of a smooth step, used in the backward pass of the firing decision.

    Reference:
        neftci2019: surrogate gradient learning in spiking neural networks.
    """

    @abstractmethod
    def primitive(self, x: Tensor) -> Tensor:
        """The smooth step itself, from 0 to 1, of the distance `x = v - v_threshold`; any shape."""

    @abstractmethod
    def derivative(self, x: Tensor) -> Tensor:
        """Derivative of `primitive` at `x`; same shape as `x`, never negative."""
