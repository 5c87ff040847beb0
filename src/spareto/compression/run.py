"""Compress while training: the recipe's steps begin at their share of the epochs."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from pathlib import Path

from torch import nn

from spareto.compression.compress import Module, begin_steps, compress, store
from spareto.data.load import FrameData
from spareto.records import Recipe
from spareto.training import Listener, Milestones, train


def compress_and_train(
    network: Module,
    recipe: Recipe,
    data: FrameData,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    key: str = "",
    on_epoch: Listener | None = None,
) -> Module:
    """A compressed copy of a trained network, trained by the recipe's own plan.

    Args:
        network: The trained network; left untouched.
        recipe: Steps and training plan.
        data: Training frames.
        seed: Decides order, shifts and dropout.
        checkpoint: Where the state is kept after every epoch; see `spareto.train`.
        key: Fingerprint of the run the checkpoint belongs to.
        on_epoch: Called after every epoch.

    Returns:
        The compressed copy in evaluation mode, its weights as they will be stored.

    Raises:
        ConfigError: The recipe does not fit the network.
        TrainingError: The loss is not finite.
    """
    if any(step.start for step in recipe.steps):
        compress(network, recipe)  # a later step that does not fit is refused now, not in mid-training
    compressed = deepcopy(network)
    train(
        compressed,
        data,
        recipe.training,
        seed=seed,
        milestones=_milestones(recipe),
        checkpoint=checkpoint,
        key=key,
        on_epoch=on_epoch,
    )
    store(compressed, recipe)
    return compressed


def _milestones(recipe: Recipe) -> Milestones:
    shares: dict[int, list[float]] = {}
    for start in sorted({step.start for step in recipe.steps}):
        shares.setdefault(int(start * recipe.training.epochs + 1e-9), []).append(start)
    return {epoch: partial(_begin, recipe=recipe, starts=starts) for epoch, starts in shares.items()}


def _begin(network: nn.Module, recipe: Recipe, starts: list[float]) -> None:
    for start in starts:
        begin_steps(network, recipe, start)
