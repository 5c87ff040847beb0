"""The clip that rounds a weight with the least squared error, searched coarse to fine."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.quantizers._base import Granularity
from spareto.quantizers._symmetric import bounded, largest, over_group

COARSE = 5  # percent of the largest magnitude


def least_error_clip(
    weight: Tensor, levels: int, granularity: Granularity, live: Tensor | None = None
) -> Tensor:
    """The clip that rounds the live weights of each group with the least squared error.

    Tries 5 %, 10 %, ... 100 % of the largest magnitude, then every percent around the best of them.

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
    values = weight.detach() if live is None else weight.detach() * live
    peak = largest(values, granularity)
    search = _Search(values / peak, levels, over_group(weight, granularity))
    for percent in range(100, 0, -COARSE):
        search.attempt(torch.full_like(peak, float(percent)))
    coarse = search.best
    for around in range(COARSE - 1, -COARSE, -1):
        if around:
            search.attempt((coarse + around).clamp(1.0, 100.0))
    return bounded(peak * (search.best / 100))


class _Search:
    """The best percentage so far of each group; weights are relative to their group's largest magnitude."""

    def __init__(self, values: Tensor, levels: int, axes: tuple[int, ...]) -> None:
        self.values, self.levels, self.axes = values, levels, axes
        self.buffer = torch.empty_like(values)
        self.best = torch.full_like(values.sum(axes, keepdim=True), 100.0)
        self.least = torch.full_like(self.best, float("inf"))

    def attempt(self, percent: Tensor) -> None:
        """Keep a percentage where its error is less than every one before."""
        step = percent / (100 * self.levels)
        torch.div(self.values, step, out=self.buffer)
        rounded = self.buffer.clamp_(-self.levels, self.levels).round_().mul_(step)
        error = rounded.sub_(self.values).square_().sum(self.axes, keepdim=True)
        self.best = torch.where(error < self.least, percent, self.best)
        self.least = torch.minimum(error, self.least)
