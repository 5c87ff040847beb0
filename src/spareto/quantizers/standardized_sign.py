"""Binary weights of balanced signs: the sign of what lies above the mean."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, Unpack

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.options import Flag
from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._signs import as_sign
from spareto.quantizers._symmetric import bounded, over_group

Statistics = Literal["per_tensor", "per_channel"]
STEEPNESS: Final = (0.1, 10.0)
"""First and last steepness `t` of the gradient `tanh`."""

FARTHEST: Final = 1e6
"""Deviations that a weight may lie from the mean: more say nothing new, and would overflow."""

ALIKE: Final = 1e-12
"""A deviation below it is that of weights that are all alike."""


class StandardizedSign(Quantizer):
    """Codes −1 and +1 of standardized weights `Ŵ = (w − μ) / σ`; a weight at the mean counts as +1.

    A weight is stored as `α · sign(Ŵ)` with `α = mean|Ŵ|`, both read off anew at every training step. Half of
    the signs are positive wherever the weights lie, which is where their entropy is largest. `α` belongs to
    standardized weights, so a batch norm has to follow. No gradient flows through `α`.

    Args:
        bits: 1.
        shared: See `Shared`.
        statistics: What shares one `μ` and one `σ`: the paper says per layer, its authors' code per channel;
            left out, as `granularity`.
        power_of_two: Round `α` to the nearest power of two, as its authors' code does: a shift.
        gradient: `straight_through`, or `tanh`, their code's: `max(1/t, 1) · t · (1 − tanh²(t · Ŵ))` with `t`
            from 0.1 in the first epoch to 10 in the last, evenly in its logarithm.

    Raises:
        ConfigError: An option has a wrong value.

    Reference:
        wei2024 (Q-SNN), equations 6, 7 and 14.
    """

    bits_supported: ClassVar[range] = range(1, 2)
    keeps_zero: ClassVar[bool] = False
    nearest: ClassVar[bool] = False
    tracks_weights: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    center: Tensor
    deviation: Tensor
    scale: Tensor

    def __init__(
        self,
        bits: int = 1,
        *,
        statistics: Statistics | None = None,
        power_of_two: Flag = False,
        gradient: Literal["straight_through", "tanh"] = "straight_through",
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(bits, **shared)
        self.statistics: Statistics = statistics or self.granularity
        self.power_of_two, self.gradient = power_of_two, gradient
        self.steepness = STEEPNESS[0]
        for name in ("center", "deviation", "scale"):
            self.register_buffer(name, torch.ones(()))

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        values = weight.detach().double()
        share = torch.ones_like(values) if live is None else live.double()
        mean = _mean(values, share, over_group(weight, self.statistics))
        center = mean.to(weight.dtype)
        apart = values - center.double()
        deviation = _mean(apart.square(), share, over_group(weight, self.statistics)).sqrt()
        magnitude = _mean(apart.abs() / bounded(deviation), share, over_group(weight, self.granularity))
        scale = bounded(magnitude)
        if self.power_of_two:
            scale = bounded(scale.log2().round().exp2())
        self.center, self.deviation = center, bounded(deviation).to(weight.dtype)
        self.scale = scale.to(weight.dtype)

    @override
    def encode(self, weight: Tensor) -> Tensor:
        return torch.where(weight >= self.center, 1, -1).to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return codes.to(self.scale.dtype) * self.scale

    @override
    def standing_for(self, codes: Tensor) -> Tensor:
        return self.center + self.deviation * self.decode(codes)

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        if self.training:
            self.start(weight, live)
        sign = self.encode(weight).to(weight.dtype)
        if self.gradient == "tanh":
            return _Tanh.apply(self._standardized(weight), sign, self.steepness) * self.scale
        return as_sign(self._standardized(weight), sign, self.rounding) * self.scale

    @override
    def begin_epoch(self, epoch: int, epochs: int) -> None:
        low, high = STEEPNESS
        self.steepness = low * (high / low) ** (epoch / max(epochs - 1, 1))

    def _standardized(self, weight: Tensor) -> Tensor:
        return _Standardize.apply(weight, self.center, self.deviation, over_group(weight, self.statistics))


def _mean(values: Tensor, share: Tensor, axes: tuple[int, ...]) -> Tensor:
    return (values * share).sum(axes, keepdim=True) / share.sum(axes, keepdim=True).clamp_min(1)


class _Standardize(torch.autograd.Function):
    """`(w − μ) / σ` with its gradient, which is not divided by a `σ` of weights that are all alike."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, center: Tensor, deviation: Tensor, axes: tuple[int, ...]) -> Tensor:
        exact = (weight.double() - center.double()) / deviation.double()
        standard = exact.clamp(-FARTHEST, FARTHEST).to(weight.dtype)
        ctx.save_for_backward(standard, torch.where(deviation > ALIKE, deviation, 1.0))
        ctx.axes = axes
        return standard.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        standard, deviation = ctx.saved_tensors
        grad = grads[0]
        along = (grad * standard).mean(ctx.axes, keepdim=True)
        return (grad - grad.mean(ctx.axes, keepdim=True) - standard * along) / deviation, None, None, None


class _Tanh(torch.autograd.Function):
    """The signs; the gradient for `Ŵ` is `max(1/t, 1) · t · (1 − tanh²(t · Ŵ))`."""

    @staticmethod
    def forward(ctx: Any, soft: Tensor, sign: Tensor, steepness: float) -> Tensor:
        ctx.save_for_backward(soft)
        ctx.steepness = steepness
        return sign

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (soft,) = ctx.saved_tensors
        t = ctx.steepness
        slope = max(1.0 / t, 1.0) * t * (1.0 - torch.tanh(t * soft).square())
        return grads[0] * slope, None, None
