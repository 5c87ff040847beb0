"""Uniform quantizer whose clipping range is learned with the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spareto.quantizers._base import Granularity, Quantizer
from spareto.quantizers._symmetric import (
    LARGEST_CLIP,
    SMALLEST_CLIP,
    levels,
    round_straight_through,
    three_sigma,
)


class LearnedClip(Quantizer):
    """Signed symmetric codes `round(n · clamp(w / a, −1, 1))` with `n = 2^(bits−1) − 1`; 2 bits are ternary.

    The clip `a` starts at `max |μ ± 3σ|` of the live weights and is trained by its logarithm, so that a
    step of the optimizer changes it by a share of itself, whatever the scale of the layer.

    Reference:
        choi2018 (PACT): a learned clipping level; jain2020 (TQT): learned in the logarithm, with
        the straight-through gradient `round(n x) / n − x` inside the range and `±1` outside.
    """

    def __init__(self, bits: int, granularity: Granularity = "per_tensor") -> None:
        super().__init__(bits, granularity)
        self.levels = levels(bits)
        self.log_clip = nn.Parameter(torch.zeros(()))

    @property
    def code_range(self) -> tuple[int, int]:
        """See `Quantizer.code_range`."""
        return -self.levels, self.levels

    @property
    def clip(self) -> Tensor:
        """Largest weight that can be stored, broadcastable against the weight, always above 0."""
        return self.log_clip.exp().clamp(SMALLEST_CLIP, LARGEST_CLIP)

    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        """See `Quantizer.start`."""
        self.log_clip = nn.Parameter(three_sigma(weight, self.granularity, live).log())

    def encode(self, weight: Tensor) -> Tensor:
        """See `Quantizer.encode`."""
        return self._scaled(weight).round().to(torch.int32)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        return codes.to(self.log_clip.dtype) * (self.clip / self.levels)

    def forward(self, weight: Tensor) -> Tensor:
        """See `Quantizer.forward`."""
        return round_straight_through(self._scaled(weight)) * (self.clip / self.levels)

    def _scaled(self, weight: Tensor) -> Tensor:
        return (weight / self.clip).clamp(-1.0, 1.0) * self.levels
