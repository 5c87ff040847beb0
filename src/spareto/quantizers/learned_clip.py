"""Uniform quantizer whose clipping range is learned with the weights."""

from __future__ import annotations

import math
from typing import Unpack

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.quantizers._base import Shared
from spareto.quantizers._least_error import least_error_clip
from spareto.quantizers._symmetric import LARGEST_CLIP, SMALLEST_CLIP
from spareto.quantizers._uniform import UniformQuantizer


class LearnedClip(UniformQuantizer):
    """Signed symmetric codes `round(n · clamp(w / a, −1, 1))` with `n = 2^(bits−1) − 1`; 2 bits are ternary.

    The clip `a` starts where it rounds the live weights with the least squared error, and is trained by its
    logarithm, so that a step of the optimizer changes it by a share of itself, whatever the layer's scale.

    Reference:
        choi2018 (PACT): a learned clipping level; jain2020 (TQT): learned in the logarithm, with
        the straight-through gradient `round(n x) / n − x` inside the range and `±1` outside.
    """

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.log_clip = nn.Parameter(torch.zeros(()))

    @property
    def clip(self) -> Tensor:
        """Largest weight that can be stored, broadcastable against the weight, always above 0."""
        return self._bounded_log.exp()

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        self.log_clip = nn.Parameter(least_error_clip(weight, self.levels, self.granularity, live).log())

    @override
    def steps(self, like: Tensor) -> tuple[Tensor, Tensor]:
        step = self.clip / self.levels
        return step, step

    @override
    def _position(self, weight: Tensor, step: Tensor) -> Tensor:
        return (weight.detach() * (-self._bounded_log.detach()).exp()).mul_(self.levels)

    @property
    def _bounded_log(self) -> Tensor:
        return self.log_clip.clamp(math.log(SMALLEST_CLIP), math.log(LARGEST_CLIP))
