"""Binary weights: the sign times one learned magnitude."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from spareto.quantizers._base import Granularity, Quantizer
from spareto.quantizers._symmetric import LARGEST_CLIP, SMALLEST_CLIP, over_group


class Sign(Quantizer):
    """Codes −1 and +1 (a zero weight counts as +1); the magnitude starts at the mean |w| and is learned.

    The gradient passes straight through where `|w|` is at most the magnitude times 2, else it is 0.

    Reference:
        rastegari2016 (XNOR-Net): the mean magnitude is the best scale for a given sign.
    """

    bits_supported: ClassVar[range] = range(1, 2)

    def __init__(self, bits: int = 1, granularity: Granularity = "per_tensor") -> None:
        super().__init__(bits, granularity)
        self.log_scale = nn.Parameter(torch.zeros(()))

    @property
    def code_range(self) -> tuple[int, int]:
        """See `Quantizer.code_range`."""
        return -1, 1

    @property
    def scale(self) -> Tensor:
        """Magnitude of every weight, always above 0."""
        return self.log_scale.exp().clamp(SMALLEST_CLIP, LARGEST_CLIP)

    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        """See `Quantizer.start`."""
        axes = over_group(weight, self.granularity)
        share = torch.ones_like(weight) if live is None else live.to(weight.dtype)
        magnitude = (weight.detach().abs().double() * share).sum(axes, keepdim=True)
        mean = magnitude / share.double().sum(axes, keepdim=True).clamp_min(1.0)
        self.log_scale = nn.Parameter(mean.clamp(SMALLEST_CLIP, LARGEST_CLIP).log().to(weight.dtype))

    def encode(self, weight: Tensor) -> Tensor:
        """See `Quantizer.encode`."""
        return torch.where(weight >= 0, 1, -1).to(torch.int32)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        return codes.to(self.log_scale.dtype) * self.scale

    def forward(self, weight: Tensor) -> Tensor:
        """See `Quantizer.forward`."""
        scale = self.scale
        soft = (weight / scale.detach()).clamp(-2.0, 2.0)
        sign = self.encode(weight).to(weight.dtype)
        return _Replace.apply(soft, sign) * scale


class _Replace(torch.autograd.Function):
    """Value of the second argument, gradient of the first."""

    @staticmethod
    def forward(ctx: object, soft: Tensor, hard: Tensor) -> Tensor:
        return hard

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None
