"""From scores to masks: the exact number goes, ties are decided by index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

Scope = Literal["global", "per_layer"]


def masks(scores: Mapping[str, Tensor], sparsity: float, scope: Scope = "global") -> dict[str, Tensor]:
    """Keep the highest scores.

    Args:
        scores: Layer name to scores.
        sparsity: Share to remove, 0..1; `floor(sparsity · n + 1/2)` of n weights go.
        scope: Rank all layers together, or each by itself.

    Returns:
        Layer name to Boolean mask, True where a weight stays. Among equal scores the earlier layer, then
        the lower flat index, is removed first, so that more sparsity always removes a superset.
    """
    if scope == "per_layer":
        return {name: _keep(score.flatten(), sparsity).view_as(score) for name, score in scores.items()}
    joined = torch.cat([score.flatten() for score in scores.values()])
    kept = _keep(joined, sparsity).split([score.numel() for score in scores.values()])
    return {name: part.view_as(score) for part, (name, score) in zip(kept, scores.items(), strict=True)}


def _keep(scores: Tensor, sparsity: float) -> Tensor:
    removed = int(sparsity * scores.numel() + 0.5)
    keep = torch.ones_like(scores, dtype=torch.bool)
    keep[torch.argsort(scores, stable=True)[:removed]] = False
    return keep
