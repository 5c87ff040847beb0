"""Exchange weights in a mask: as many come back as are dropped."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def exchange(mask: Tensor, weight: Tensor, growth: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Swap the smallest live weights of one layer for removed ones.

    Args:
        mask: True where a weight is live.
        weight: The weights, same shape.
        growth: Scores, same shape; the removed weights with the highest come back.
        share: Share of the live weights to drop, 0..1; no more go than can come back.

    Returns:
        The new mask, and True where a weight came back. What was dropped does not come back at once.

    Reference:
        mocanu2018, algorithm 1; evci2020, algorithm 1.
    """
    live, magnitude = mask.flatten(), weight.detach().abs().flatten()
    count = min(int(share * int(live.sum())), int((~live).sum()))
    dropped = torch.argsort(magnitude.masked_fill(~live, math.inf), stable=True)[:count]
    ranked = torch.argsort(growth.flatten().masked_fill(live, -math.inf), descending=True, stable=True)
    grown = torch.zeros_like(live).index_fill_(0, ranked[:count], True)
    kept = live.index_fill(0, dropped, False) | grown
    return kept.view_as(mask), grown.view_as(mask)
