"""What every pruner must keep, as functions: call them from the tests of your own pruner.

`weights` maps layer names to weights; masks are drawn from the pruner's scores by `spareto.pruners.masks`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spareto.pruners import Pruner, Scope, masks

Weights = Mapping[str, Tensor]


def check_scores(pruner: Pruner, weights: Weights) -> None:
    """One finite score a weight; the weights are left as they were; the same weights score the same."""
    before = {name: weight.clone() for name, weight in weights.items()}
    scores, again = pruner.scores(weights), pruner.scores(weights)
    assert list(scores) == list(weights), f"layers {list(weights)} became {list(scores)}"
    for name, weight in weights.items():
        assert scores[name].shape == weight.shape, f"layer '{name}': one score a weight is wanted"
        assert bool(torch.isfinite(scores[name]).all()), f"layer '{name}': a score that is not finite"
        assert torch.equal(scores[name], again[name]), f"layer '{name}': other scores the second time"
        assert torch.equal(weight, before[name]), f"layer '{name}': the pruner changed the weight"


def check_removed(pruner: Pruner, weights: Weights, sparsity: float, scope: Scope) -> None:
    """`floor(sparsity · n + 1/2)` weights go, lowest score first, ties by layer, then by index."""
    scores = pruner.scores(weights)
    drawn = masks(scores, sparsity, scope)
    groups = [list(scores)] if scope == "global" else [[name] for name in scores]
    for group in groups:
        ranked = [
            (value, layer, index)
            for layer, name in enumerate(group)
            for index, value in enumerate(scores[name].double().flatten().tolist())
        ]
        gone = sorted(ranked)[: int(sparsity * len(ranked) + 0.5)]
        expected = {(layer, index) for _, layer, index in gone}
        removed = {
            (layer, index)
            for layer, name in enumerate(group)
            for index, kept in enumerate(drawn[name].flatten().tolist())
            if not kept
        }
        assert removed == expected, f"{len(removed)} removed in {group}, {len(expected)} expected"


def check_nothing_removed(pruner: Pruner, weights: Weights, scope: Scope) -> None:
    """Sparsity 0 keeps every weight."""
    assert all(mask.all() for mask in masks(pruner.scores(weights), 0.0, scope).values())


def check_superset(pruner: Pruner, weights: Weights, less: float, more: float, scope: Scope) -> None:
    """What goes at a lower sparsity goes at a higher one too."""
    scores = pruner.scores(weights)
    few, many = masks(scores, less, scope), masks(scores, more, scope)
    for name in scores:
        assert not (many[name] & ~few[name]).any(), f"layer '{name}': a weight comes back with more sparsity"
