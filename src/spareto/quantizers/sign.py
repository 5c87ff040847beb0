"""Binary weights: the sign times one learned magnitude."""

from __future__ import annotations

from typing import ClassVar, Unpack

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._signs import as_sign
from spareto.quantizers._symmetric import bounded, mean_magnitude


class Sign(Quantizer):
    """Codes −1 and +1 (a zero weight counts as +1); the magnitude starts at the mean |w| and is learned.

    The gradient passes as the rounding says where `|w|` is at most the magnitude times 2, else it is 0.

    Reference:
        rastegari2016 (XNOR-Net): the mean magnitude is the best scale for a given sign.
    """

    bits_supported: ClassVar[range] = range(1, 2)
    keeps_zero: ClassVar[bool] = False

    def __init__(self, bits: int = 1, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.log_scale = nn.Parameter(torch.zeros(()))

    @property
    def scale(self) -> Tensor:
        """Magnitude of every weight, always above 0."""
        return bounded(self.log_scale.exp())

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        mean = mean_magnitude(weight, self.granularity, live)
        self.log_scale = nn.Parameter(bounded(mean).log().to(weight.dtype))

    @override
    def encode(self, weight: Tensor) -> Tensor:
        return torch.where(weight >= 0, 1, -1).to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return codes.to(self.log_scale.dtype) * self.scale

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        scale = self.scale
        soft = (weight / scale.detach()).clamp(-2.0, 2.0)
        sign = self.encode(weight).to(weight.dtype)
        return as_sign(soft, sign, self.rounding) * scale
