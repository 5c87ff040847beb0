"""What every pruner must keep, as functions: call them from the tests of your own pruner.

`weights` maps layer names to weights; masks are drawn from the pruner's scores by `spareto.pruners.draw`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import Tensor

from spareto.pruners import Pruner, PrunerEvidence, Scope, draw

Weights = Mapping[str, Tensor]
Place = tuple[str, int]


def made_up_evidence(weights: Weights, seed: int = 0) -> PrunerEvidence:
    """Gradients and activities for weights that no network computes with."""
    generator = torch.Generator().manual_seed(seed)
    return PrunerEvidence(
        seed,
        {name: torch.randn(weight.shape, generator=generator).to(weight) for name, weight in weights.items()},
        {
            name: torch.rand((1, weight.shape[1], *[1] * (weight.dim() - 2)), generator=generator)
            for name, weight in weights.items()
        },
        {name: torch.rand(weight.shape[0], generator=generator) for name, weight in weights.items()},
    )


def check_scores(pruner: Pruner, weights: Weights, evidence: PrunerEvidence) -> None:
    """One finite score a weight or channel; weights are left as they were; the same input scores the same."""
    before = {name: weight.clone() for name, weight in weights.items()}
    scores, again = pruner.scores(weights, evidence), pruner.scores(weights, evidence)
    assert list(scores) == list(weights), f"layers {list(weights)} became {list(scores)}"
    for name, weight in weights.items():
        shape = weight.shape if pruner.unit == "weight" else weight.shape[:1]
        assert scores[name].shape == shape, f"layer '{name}': one score a {pruner.unit} is wanted"
        assert bool(torch.isfinite(scores[name]).all()), f"layer '{name}': a score that is not finite"
        assert torch.equal(scores[name], again[name]), f"layer '{name}': other scores the second time"
        assert torch.equal(weight, before[name]), f"layer '{name}': the pruner changed the weight"


def check_needs(pruner: Pruner, weights: Weights, evidence: PrunerEvidence) -> None:
    """A pruner looks at no evidence that its `needs` does not name."""
    shown = PrunerEvidence(
        evidence.seed,
        evidence.gradients if "gradients" in pruner.needs else {},
        evidence.activity if "activity" in pruner.needs else {},
        evidence.responses if "responses" in pruner.needs else {},
    )
    pruner.scores(weights, shown)


def check_removed(
    pruner: Pruner, weights: Weights, sparsity: float, scope: Scope, evidence: PrunerEvidence
) -> None:
    """`floor(sparsity · n + 1/2)` of n go, lowest score first, ties by layer, then by index.

    n are the weights or channels that compete: of all layers, of one layer, or of one block.
    """
    scores = pruner.scores(weights, evidence)
    drawn = draw(pruner, weights, sparsity, scope, evidence=evidence)
    expected: set[Place] = set()
    for group in _groups(pruner, scores, scope):
        ranked = sorted(
            (float(scores[name].flatten()[index]), number) for number, (name, index) in enumerate(group)
        )
        expected |= {group[number] for _, number in ranked[: int(sparsity * len(group) + 0.5)]}
    removed = {
        (name, index)
        for name, mask in drawn.items()
        for index, kept in enumerate(_units(pruner, mask).tolist())
        if not kept
    }
    assert removed == expected, f"{len(removed)} removed, {len(expected)} expected"


def check_nothing_removed(pruner: Pruner, weights: Weights, scope: Scope, evidence: PrunerEvidence) -> None:
    """Sparsity 0 keeps every weight."""
    assert all(mask.all() for mask in draw(pruner, weights, 0.0, scope, evidence=evidence).values())


def check_superset(
    pruner: Pruner,
    weights: Weights,
    less: float,
    more: float,
    scope: Scope,
    evidence: PrunerEvidence,
    floor: float,
) -> None:
    """What goes at a lower sparsity goes at a higher one too, with and without a floor."""
    few, many = (
        draw(pruner, weights, share, scope, floor=floor, evidence=evidence) for share in (less, more)
    )
    for name in weights:
        assert not (many[name] & ~few[name]).any(), f"layer '{name}': a weight comes back with more sparsity"


def check_floor(
    pruner: Pruner, weights: Weights, sparsity: float, scope: Scope, evidence: PrunerEvidence, floor: float
) -> None:
    """Every layer keeps its share, at least one; blocks have their own rule."""
    for name, mask in draw(pruner, weights, sparsity, scope, floor=floor, evidence=evidence).items():
        units = _units(pruner, mask)
        least = max(1, int(floor * len(units) + 1e-9)) if pruner.block is None else 0
        assert int(units.sum()) >= least, f"layer '{name}': {int(units.sum())} of {len(units)} left"


def check_stays_removed(pruner: Pruner, weights: Weights, less: float, more: float, scope: Scope) -> None:
    """With other scores later on, what is gone stays gone, and the number is exact again."""
    first = draw(pruner, weights, less, scope, evidence=made_up_evidence(weights, 1))
    gone = {name: ~mask for name, mask in first.items()}
    moved = {name: weight.flip(0) for name, weight in weights.items()}
    then = draw(pruner, moved, more, scope, evidence=made_up_evidence(weights, 2), removed=gone)
    fresh = draw(pruner, moved, more, scope, evidence=made_up_evidence(weights, 2))
    assert not any((then[name] & gone[name]).any() for name in weights), "a removed weight came back"
    assert number_kept(pruner, then) == number_kept(pruner, fresh), "another number of weights went"


def number_kept(pruner: Pruner, drawn: Mapping[str, Tensor]) -> int:
    """How many weights or channels masks keep; a channel kept in part is a fault."""
    return sum(int(_units(pruner, mask).sum()) for mask in drawn.values())


def _units(pruner: Pruner, mask: Tensor) -> Tensor:
    """True where a weight, or a channel as a whole, is kept; a channel kept in part is a fault."""
    if pruner.unit == "weight":
        return mask.flatten()
    channels = mask.flatten(1)
    assert torch.equal(channels.any(1), channels.all(1)), "a channel is kept in part"
    return channels.all(1)


def _groups(pruner: Pruner, scores: Mapping[str, Tensor], scope: Scope) -> Iterator[list[Place]]:
    """Places that are ranked against each other, in the order that decides ties."""
    if pruner.block is not None:
        for name, score in scores.items():
            index = torch.arange(score.numel()).view(score.shape).movedim(1, -1)
            for row in index.reshape(-1, score.shape[1]).tolist():
                for start in range(0, len(row), pruner.block):
                    yield [(name, place) for place in row[start : start + pruner.block]]
        return
    layers = [[(name, index) for index in range(score.numel())] for name, score in scores.items()]
    yield from [list(chain(*layers))] if scope == "global" else layers
