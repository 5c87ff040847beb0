"""Learned step size quantization."""

from __future__ import annotations

import math
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.quantizers._base import Shared
from spareto.quantizers._symmetric import LARGEST_CLIP, mean_magnitude, positive
from spareto.quantizers._uniform import UniformQuantizer


class LearnedStep(UniformQuantizer):
    """Codes `round(clamp(w / s, −q − 1, q))` with `q = 2^(bits−1) − 1`; 2 bits are four levels.

    The learned step `s` starts at `2 · mean|w| / √q`; its gradient is scaled by `1 / √(N · q)` for the N
    weights that share it, which balances the relative changes of step and weights.

    Reference:
        esser2020 (LSQ), equations 1 to 3 and section 2.2.
    """

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.step = nn.Parameter(torch.ones(()))

    @property
    @override
    def code_range(self) -> tuple[int, int]:
        return -self.levels - 1, self.levels

    @property
    def scale(self) -> Tensor:
        """Weight that one code stands for, broadcastable against the weight, always above 0."""
        return positive(self.step, LARGEST_CLIP / (self.levels + 1))

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        step = 2 * mean_magnitude(weight, self.granularity, live) / math.sqrt(self.levels)
        self.step = nn.Parameter(positive(step, LARGEST_CLIP / (self.levels + 1)).to(weight.dtype))

    @override
    def steps(self, like: Tensor) -> tuple[Tensor, Tensor]:
        sharing = max(1, like.numel() // self.step.numel())
        scale = _ScaleGradient.apply(self.scale, 1 / math.sqrt(sharing * self.levels))
        return scale, scale


class _ScaleGradient(torch.autograd.Function):
    """The value as it is, its gradient times a factor."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * ctx.factor, None
