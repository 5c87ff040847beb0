"""From scores to masks: the exact number goes, ties are decided by index."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from spareto.pruners._base import Pruner, PrunerEvidence

Scope = Literal["global", "per_layer"]


def masks(
    scores: Mapping[str, Tensor],
    sparsity: float,
    scope: Scope = "global",
    *,
    floor: float = 0.0,
    block: int | None = None,
) -> dict[str, Tensor]:
    """Keep the highest scores.

    Args:
        scores: Layer name to scores.
        sparsity: Share to remove, 0..1; `floor(sparsity · n + 1/2)` of n go.
        scope: Rank all layers together, or each by itself.
        floor: Least share each layer keeps, 0..1, at least one if above 0; where sparsity and floor cannot
            both hold, fewer go.
        block: Rank within blocks of so many along the second axis; scope and floor then say nothing.

    Returns:
        Layer name to Boolean mask, True where a weight stays. Among equal scores the earlier layer, then
        the lower flat index, is removed first, so that more sparsity always removes a superset.
    """
    if block is not None:
        return {name: _keep_in_blocks(score, sparsity, block) for name, score in scores.items()}
    flat = {name: _protected(score.flatten(), floor) for name, score in scores.items()}
    if scope == "per_layer":
        return {name: _keep(part, sparsity).view_as(scores[name]) for name, part in flat.items()}
    kept = _keep(torch.cat(list(flat.values())), sparsity).split([part.numel() for part in flat.values()])
    return {name: part.view_as(score) for part, (name, score) in zip(kept, scores.items(), strict=True)}


def draw(
    pruner: Pruner,
    weights: Mapping[str, Tensor],
    sparsity: float,
    scope: Scope = "global",
    *,
    floor: float = 0.0,
    evidence: PrunerEvidence | None = None,
    removed: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Masks of the weights' shapes by a pruner's scores.

    Args:
        pruner: Scores the weights.
        weights: Layer name to weight.
        sparsity: As in `masks`; of weights or of channels, whichever the pruner removes.
        scope: As in `masks`.
        floor: As in `masks`.
        evidence: What the pruner looks at beside the weights.
        removed: Layer name to True where a weight is gone already; those go again, before any other.
    """
    scores = pruner.scores(weights, evidence or PrunerEvidence())
    if removed is not None:
        for name, gone in removed.items():
            of_unit = gone.flatten(1).all(1) if pruner.unit == "channel" else gone
            scores[name] = scores[name].masked_fill(of_unit, -math.inf)
    drawn = masks(scores, sparsity, scope, floor=floor, block=pruner.block)
    if pruner.unit == "weight":
        return drawn
    return {
        name: mask.view(-1, *[1] * (weights[name].dim() - 1)).expand_as(weights[name]).clone()
        for name, mask in drawn.items()
    }


def _keep(scores: Tensor, sparsity: float) -> Tensor:
    safe = int((scores == math.inf).sum())
    removed = min(int(sparsity * scores.numel() + 0.5), scores.numel() - safe)
    keep = torch.ones_like(scores, dtype=torch.bool)
    keep[torch.argsort(scores, stable=True)[:removed]] = False
    return keep


def _protected(scores: Tensor, floor: float) -> Tensor:
    """The scores, infinite where a layer would fall below its floor."""
    if floor == 0:
        return scores
    count = min(max(1, int(floor * scores.numel() + 1e-9)), scores.numel())
    best = torch.argsort(scores, stable=True)[-count:]  # what goes last anyway
    return scores.index_fill(0, best, math.inf)


def _keep_in_blocks(scores: Tensor, sparsity: float, block: int) -> Tensor:
    inputs = scores.movedim(1, -1)
    keep = torch.ones_like(inputs, dtype=torch.bool)
    for start in range(0, inputs.shape[-1], block):
        part = inputs[..., start : start + block]
        removed = int(sparsity * part.shape[-1] + 0.5)
        lowest = torch.argsort(part, dim=-1, stable=True)[..., :removed]
        keep[..., start : start + block].scatter_(-1, lowest, False)
    return keep.movedim(-1, 1).contiguous()
