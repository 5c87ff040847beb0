"""Uniform quantizer that always covers the largest weight."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.quantizers._base import Granularity, Quantizer
from spareto.quantizers._symmetric import largest, levels, round_straight_through


class MaxRange(Quantizer):
    """Signed symmetric codes over `−max|w| .. max|w|`; nothing to learn, so it serves after training too.

    In training the range follows the weights; in evaluation it stays where it was.

    Reference:
        jacob2018: linear quantization over the observed range.
    """

    scale: Tensor

    def __init__(self, bits: int, granularity: Granularity = "per_tensor") -> None:
        super().__init__(bits, granularity)
        self.levels = levels(bits)
        self.register_buffer("scale", torch.ones(()))

    @property
    def code_range(self) -> tuple[int, int]:
        """See `Quantizer.code_range`."""
        return -self.levels, self.levels

    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        """See `Quantizer.start`."""
        kept = weight if live is None else weight * live
        self.scale = largest(kept, self.granularity) / self.levels

    def encode(self, weight: Tensor) -> Tensor:
        """See `Quantizer.encode`."""
        return self._scaled(weight).round().to(torch.int32)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        return codes.to(self.scale.dtype) * self.scale

    def forward(self, weight: Tensor) -> Tensor:
        """See `Quantizer.forward`."""
        if self.training:
            self.start(weight)
        return round_straight_through(self._scaled(weight)) * self.scale

    def _scaled(self, weight: Tensor) -> Tensor:
        return (weight / self.scale).clamp(-self.levels, self.levels)
