"""Signed symmetric codes: what the uniform quantizers share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spareto.quantizers._base import Granularity

SMALLEST_CLIP = 1e-30  # keeps clip / levels above 0 for all-zero and denormal weights
LARGEST_CLIP = 3e38


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round().add_(0.0)  # no negative zero: integers have none

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


def round_straight_through(x: Tensor) -> Tensor:
    """Round half to even; the gradient passes unchanged.

    Reference:
        bengio2013: the straight-through estimator.
    """
    return _Round.apply(x)


def levels(bits: int) -> int:
    """Positive codes of a signed symmetric integer: 1 for 2 bits (ternary), 127 for 8.

    >>> [levels(bits) for bits in (2, 3, 8)]
    [1, 3, 127]
    """
    return 2 ** (bits - 1) - 1


def over_group(weight: Tensor, granularity: Granularity) -> tuple[int, ...]:
    """Axes over which one scale is shared."""
    return tuple(range(weight.dim())) if granularity == "per_tensor" else tuple(range(1, weight.dim()))


def largest(weight: Tensor, granularity: Granularity) -> Tensor:
    """Largest magnitude in each group, kept broadcastable against the weight, within the clip limits."""
    peak = weight.detach().abs().amax(over_group(weight, granularity), keepdim=True)
    return peak.clamp(SMALLEST_CLIP, LARGEST_CLIP)


def least_error_clip(
    weight: Tensor, levels: int, granularity: Granularity, live: Tensor | None = None
) -> Tensor:
    """The clip that rounds the live weights of each group with the least squared error.

    Tries 1 %, 2 %, ... 100 % of the largest magnitude.

    Args:
        weight: Shape (out channels, ...).
        levels: Positive codes.
        granularity: What shares one clip.
        live: True where a weight counts; None counts all.

    Returns:
        Clips above 0, broadcastable against the weight, in its dtype.

    Reference:
        banner2019: for few bits the best clip of a bell-shaped tensor lies far below its maximum; for
        a Gaussian and three levels at 1.22 σ (max1960, table I).
    """
    values = weight.detach().double() if live is None else weight.detach().double() * live
    axes = over_group(weight, granularity)
    peak = values.abs().amax(axes, keepdim=True).clamp(SMALLEST_CLIP, LARGEST_CLIP)
    best, least = peak, torch.full_like(peak, float("inf"))
    for percent in range(100, 0, -1):
        clip = peak * (percent / 100)
        rounded = ((values / clip).clamp(-1.0, 1.0) * levels).round() * (clip / levels)
        error = (rounded - values).square().sum(axes, keepdim=True)
        best, least = torch.where(error < least, clip, best), torch.minimum(error, least)
    return best.clamp(SMALLEST_CLIP, LARGEST_CLIP).to(weight.dtype)
