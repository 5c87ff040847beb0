"""Signed symmetric codes: what the uniform quantizers share."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.quantizers._base import Granularity

SMALLEST_CLIP = 1e-30  # keeps clip / levels above 0 for all-zero and denormal weights
LARGEST_CLIP = 3e38
SIGMAS = 3.0


def levels(bits: int) -> int:
    """Positive codes of a signed symmetric integer: 1 for 2 bits (ternary), 127 for 8.

    >>> [levels(bits) for bits in (2, 3, 8)]
    [1, 3, 127]
    """
    return 2 ** (bits - 1) - 1


def over_group(weight: Tensor, granularity: Granularity) -> tuple[int, ...]:
    """Axes over which one scale is shared."""
    return tuple(range(weight.dim())) if granularity == "per_tensor" else tuple(range(1, weight.dim()))


def bounded(clip: Tensor) -> Tensor:
    """A clip within the limits that keep every code's value above 0 and finite."""
    return clip.clamp(SMALLEST_CLIP, LARGEST_CLIP)


def positive(parameter: Tensor, most: float = LARGEST_CLIP) -> Tensor:
    """The size of a learned scale: an optimizer's step through 0 turns it around instead of stopping it."""
    return parameter.abs().clamp(SMALLEST_CLIP, most)


def largest(weight: Tensor, granularity: Granularity) -> Tensor:
    """Largest magnitude in each group, kept broadcastable against the weight, within the clip limits."""
    return bounded(weight.detach().abs().amax(over_group(weight, granularity), keepdim=True))


def mean_magnitude(weight: Tensor, granularity: Granularity, live: Tensor | None = None) -> Tensor:
    """Mean |w| of the live weights of each group, in double precision; 0 where none is live."""
    axes = over_group(weight, granularity)
    magnitude = weight.detach().abs().double()
    if live is None:
        return magnitude.mean(axes, keepdim=True)
    return (magnitude * live).sum(axes, keepdim=True) / live.sum(axes, keepdim=True).clamp_min(1)


def three_sigma(weight: Tensor, granularity: Granularity, live: Tensor | None = None) -> Tensor:
    """`max |μ ± 3σ|` of the live weights of each group, within the clip limits, in the weight's dtype."""
    axes = over_group(weight, granularity)
    values = weight.detach().double()
    share = torch.ones_like(values) if live is None else live.double()
    count = share.sum(axes, keepdim=True).clamp_min(1)
    mean = (values * share).sum(axes, keepdim=True) / count
    variance = ((values - mean).square() * share).sum(axes, keepdim=True) / count
    return bounded(mean.abs() + SIGMAS * variance.sqrt()).to(weight.dtype)
