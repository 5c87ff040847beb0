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
        return x.round()

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


def three_sigma(weight: Tensor, granularity: Granularity, live: Tensor | None = None) -> Tensor:
    """`max |μ ± 3σ|` of the live weights in each group, kept broadcastable, within the clip limits.

    Reference:
        schaefer2023: the start value of both scales of the study's quantizer.
    """
    values = weight.detach().double()
    axes = over_group(weight, granularity)
    share = torch.ones_like(values) if live is None else live.double()
    count = share.sum(axes, keepdim=True).clamp_min(1.0)
    mean = (values * share).sum(axes, keepdim=True) / count
    variance = ((values - mean).square() * share).sum(axes, keepdim=True) / count
    reach = mean.abs() + 3.0 * variance.sqrt()
    return reach.clamp(SMALLEST_CLIP, LARGEST_CLIP).to(weight.dtype)
