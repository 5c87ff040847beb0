"""Clusters of numbers on a line."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

ROUNDS: Final = 100


def middles(values: Tensor, clusters: int) -> Tensor:
    """Middles between neighbouring centres of k-means clusters, rising, shape `(clusters - 1,)`, float64.

    Lloyd's algorithm from the middles of even shares of the sorted values: nothing is drawn at random.

    Args:
        values: Any shape; no values are taken as a single 0.
        clusters: Number of clusters; those that no value belongs to stay where they are.

    Reference:
        lloyd1982.
    """
    line = values.detach().double().flatten().sort().values
    if not len(line):
        line = line.new_zeros(1)
    shares = (torch.arange(clusters, device=line.device) + 0.5) / clusters * len(line)
    centres = line[shares.long().clamp_max(len(line) - 1)]
    sums = torch.cat([line.new_zeros(1), line.cumsum(0)])
    for _ in range(ROUNDS):
        borders = torch.searchsorted(line, (centres[1:] + centres[:-1]) / 2)
        ends = torch.cat([borders.new_zeros(1), borders, borders.new_tensor([len(line)])])
        count = ends.diff()
        moved = torch.where(count > 0, sums[ends].diff() / count.clamp_min(1), centres).sort().values
        if torch.equal(moved, centres):
            break
        centres = moved
    return (centres[1:] + centres[:-1]) / 2
