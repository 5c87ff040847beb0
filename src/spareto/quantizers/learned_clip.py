"""Uniform quantizer whose clipping range is learned with the weights."""

from __future__ import annotations

import math
from typing import Unpack

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._least_error import least_error_clip
from spareto.quantizers._snap import snap
from spareto.quantizers._symmetric import LARGEST_CLIP, SMALLEST_CLIP, levels


class LearnedClip(Quantizer):
    """Signed symmetric codes `round(n · clamp(w / a, −1, 1))` with `n = 2^(bits−1) − 1`; 2 bits are ternary.

    The clip `a` starts where it rounds the live weights with the least squared error, and is trained by its
    logarithm, so that a step of the optimizer changes it by a share of itself, whatever the layer's scale.

    Reference:
        choi2018 (PACT): a learned clipping level; jain2020 (TQT): learned in the logarithm, with
        the straight-through gradient `round(n x) / n − x` inside the range and `±1` outside.
    """

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.levels = levels(bits)
        self.log_clip = nn.Parameter(torch.zeros(()))

    @property
    @override
    def code_range(self) -> tuple[int, int]:
        return -self.levels, self.levels

    @property
    def clip(self) -> Tensor:
        """Largest weight that can be stored, broadcastable against the weight, always above 0."""
        return self._bounded_log.exp()

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        self.log_clip = nn.Parameter(least_error_clip(weight, self.levels, self.granularity, live).log())

    @override
    def encode(self, weight: Tensor) -> Tensor:
        return self._position(weight).clamp(*self.code_range).round().to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return codes.to(self.log_clip.dtype) * self._step

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        step = self._step
        return snap(weight, self._position(weight), self.code_range, step, step, self.rounding)

    def _position(self, weight: Tensor) -> Tensor:
        return (weight.detach() * (-self._bounded_log.detach()).exp()).mul_(self.levels)

    @property
    def _step(self) -> Tensor:
        return self.clip / self.levels

    @property
    def _bounded_log(self) -> Tensor:
        return self.log_clip.clamp(math.log(SMALLEST_CLIP), math.log(LARGEST_CLIP))
