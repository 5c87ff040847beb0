"""Ternary weights with a learned value on either side of zero."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._symmetric import bounded, mean_magnitude, over_group, positive
from spareto.quantizers.rounding import Rounding

THRESHOLD = 0.7  # of the mean magnitude: li2016, equation 6


class Ternary(Quantizer):
    """`−n` below `−Δ`, 0, `p` above `Δ`; the threshold `Δ = 0.7 · mean|w|` follows the weights in training.

    The values `p` and `n` start at the mean of the weights they stand for, and are learned. The gradient of a
    weight is scaled by its side's value, and by 1 where it is zero.

    Reference:
        li2016 (TWN): threshold and scale of the least squared error for bell-shaped weights; zhu2017 (TTQ),
        equations 7 and 8: one learned value per side.
    """

    bits_supported: ClassVar[range] = range(2, 3)
    nearest: ClassVar[bool] = False
    tracks_weights: ClassVar[bool] = True
    threshold: Tensor

    def __init__(self, bits: int = 2, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.register_buffer("threshold", torch.ones(()))
        self.positive = nn.Parameter(torch.ones(()))
        self.negative = nn.Parameter(torch.ones(()))

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        self._set_threshold(weight, live)
        kept = weight.detach() if live is None else weight.detach() * live
        both = self._mean_beyond(kept.abs(), bounded(2 * self.threshold))
        self.positive = nn.Parameter(self._mean_beyond(kept, both))
        self.negative = nn.Parameter(self._mean_beyond(-kept, both))

    @override
    def encode(self, weight: Tensor) -> Tensor:
        return self._position(weight).round().to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return codes.to(self.positive.dtype) * torch.where(
            codes > 0, positive(self.positive), positive(self.negative)
        )

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        if self.training:
            self._set_threshold(weight, live)
        position = self._position(weight.detach())
        return _Ternary.apply(
            weight, positive(self.positive), positive(self.negative), position, self.rounding
        )

    def _set_threshold(self, weight: Tensor, live: Tensor | None) -> None:
        threshold = THRESHOLD * mean_magnitude(weight, self.granularity, live)
        self.threshold = bounded(threshold).to(weight.dtype)

    def _position(self, weight: Tensor) -> Tensor:
        return (weight / self.threshold / 2).clamp(-1.0, 1.0)  # beyond the threshold: nearer to 1 than to 0

    def _mean_beyond(self, side: Tensor, otherwise: Tensor) -> Tensor:
        """Mean of what lies above the threshold, `otherwise` where nothing does."""
        axes = over_group(side, self.granularity)
        beyond = self._position(side).round() > 0
        count = beyond.sum(axes, keepdim=True)
        mean = (side.double() * beyond).sum(axes, keepdim=True) / count.clamp_min(1)
        return torch.where(count > 0, bounded(mean).to(side.dtype), otherwise)


class _Ternary(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, above: Tensor, below: Tensor, position: Tensor, rounding: Rounding
    ) -> Tensor:
        codes = position.round().add_(0.0)  # no negative zero
        ctx.save_for_backward(above, below, position, codes)
        ctx.rounding = rounding
        return codes * torch.where(codes > 0, above, below)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        above, below, position, codes = ctx.saved_tensors
        (grad,) = grads
        passed = ctx.rounding.gradient(grad, position - codes)
        slope = torch.where(codes > 0, above, torch.where(codes < 0, below, 1.0))
        pulled = grad * codes
        return (
            passed * slope,
            pulled.where(codes > 0, 0.0).sum_to_size(above.shape),
            pulled.where(codes < 0, 0.0).sum_to_size(below.shape),
            None,
            None,
        )
