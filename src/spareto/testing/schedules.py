"""What every pruning schedule must keep, as functions: call them from the tests of your own schedule."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from spareto.pruners import draw
from spareto.pruners import registry as pruners
from spareto.pruners.schedules import Schedule, exchange
from spareto.testing.pruners import Weights, made_up_evidence, number_kept


def check_updates(schedule: Schedule, steps: int, target: float) -> None:
    """From step 0 to the target; steps and sparsities rise, all inside the training; shares are shares."""
    updates = schedule.updates(steps, target)
    assert updates[0].step == 0, "no mask at the start"
    assert updates[-1].sparsity == target, f"ends at {updates[-1].sparsity}, not {target}"
    for before, after in pairwise(updates):
        assert before.step < after.step, f"step {after.step} follows {before.step}"
        assert before.sparsity <= after.sparsity, f"sparsity falls at step {after.step}"
    for update in updates:
        assert 0 <= update.step < steps, f"step {update.step} of {steps}"
        assert 0 <= update.sparsity <= target, f"sparsity {update.sparsity} on the way to {target}"
        assert 0 <= update.exchange < 1, f"exchange {update.exchange}"
    assert schedule.updates(steps, target) == updates, "other updates the second time"


def check_masks(schedule: Schedule, pruner: str, weights: Weights, steps: int, target: float) -> None:
    """Carried out on drifting weights, what is removed stays removed unless regrown; the number fits."""
    chosen = pruners.make(pruner)
    masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
    for update in schedule.updates(steps, target):
        drifted = {name: weight.roll(update.step) for name, weight in weights.items()}
        evidence = made_up_evidence(weights, update.step)
        gone = {name: ~mask for name, mask in masks.items()}
        masks = draw(chosen, drifted, update.sparsity, evidence=evidence, removed=gone)
        assert not any((masks[name] & gone[name]).any() for name in weights), "a removed weight came back"
        fresh = draw(chosen, drifted, update.sparsity, evidence=evidence)
        assert number_kept(chosen, masks) == number_kept(chosen, fresh), f"another number at {update}"
        if update.exchange and not chosen.keeps_pattern:
            masks = check_exchange(schedule, masks, drifted, update.exchange, seed=update.step)


def check_exchange(
    schedule: Schedule, masks: Weights, weights: Weights, share: float, seed: int = 0
) -> dict[str, Tensor]:
    """Every layer keeps its number of live weights; the same seed grows the same ones. The new masks."""
    evidence = made_up_evidence(weights, seed)
    kept: dict[str, Tensor] = {}
    scores, again = schedule.growth(weights, evidence), schedule.growth(weights, evidence)
    for name, mask in masks.items():
        assert scores[name].shape == mask.shape, f"layer '{name}': one score a weight is wanted"
        assert torch.equal(scores[name], again[name]), f"layer '{name}': other scores the second time"
        after, grown = exchange(mask, weights[name], scores[name], share)
        count = min(int(share * int(mask.sum())), int((~mask).sum()))
        assert int(after.sum()) == int(mask.sum()), f"layer '{name}': the number of live weights changed"
        assert int(grown.sum()) == int((mask & ~after).sum()) == count, (
            f"layer '{name}': not {count} exchanged"
        )
        assert not (grown & mask).any(), f"layer '{name}': a live weight grew"
        kept[name] = after
    return kept
