"""Uniform quantizers: codes are whole steps, and each says how long a step is."""

from __future__ import annotations

from abc import abstractmethod
from typing import Unpack

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._snap import snap
from spareto.quantizers._symmetric import levels


class UniformQuantizer(Quantizer):
    """Codes `round(clamp(w / step_in))`, which stand for `code · step_out`; the steps have their gradients.

    Attributes:
        levels: Positive codes.
    """

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.levels = levels(bits)

    @abstractmethod
    def steps(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The steps in and out, above 0; one tensor twice where one step serves both ways.

        Args:
            like: Of the weight's shape, which the steps are broadcastable against.
        """

    @override
    def encode(self, weight: Tensor) -> Tensor:
        return self._position(weight, self.steps(weight)[0]).clamp(*self.code_range).round().to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        step = self.steps(codes)[1]
        return codes.to(step.dtype) * step

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        step_in, step_out = self.steps(weight)
        position = self._position(weight.detach(), step_in.detach())
        return snap(weight, position, self.code_range, step_in, step_out, self.rounding)

    def _position(self, weight: Tensor, step: Tensor) -> Tensor:
        """The weight in steps, in memory of its own."""
        return weight / step
