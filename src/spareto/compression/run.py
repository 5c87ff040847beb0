"""Compress while training: the recipe's steps begin at their share of the epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from spareto.compression.calibration import calibrate
from spareto.compression.checks import epoch_of, refuse_merged_starts, refuse_unfit
from spareto.compression.compressing import begin_steps, compress, store
from spareto.compression.copies import Module, copy_of
from spareto.compression.scheduling import MaskSchedule
from spareto.compression.steps import Calibration
from spareto.records import PruneStep, Recipe, SchedulePlan, TrainingPlan
from spareto.running import How, Runner, data_of, interface_of
from spareto.training import Listener, Milestones, SilenceListener, train, warn_of_silence
from spareto.training.batches import samples_of_split, steps_per_epoch, whole_labels
from spareto.training.losses import make_loss, takes_rates

ONE_SHOT = SchedulePlan()
CALIBRATION_SAMPLES = 128
"""Samples on which gradients and activity are measured; lee2019 scores connections on about as many."""


def compress_and_train(
    network: Module,
    recipe: Recipe,
    data: Any,
    *,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    key: str = "",
    on_epoch: Listener | None = None,
    on_silence: SilenceListener = warn_of_silence,
    **how: Unpack[How],
) -> Module:
    """A compressed copy of a trained network, trained by the recipe's own plan.

    Args:
        network: The trained network; left untouched.
        recipe: Steps and training plan.
        data: See `spareto.train`.
        seed: Decides order, shifts and dropout.
        checkpoint: Where the state is kept after every epoch; see `spareto.train`.
        key: Fingerprint of the run the checkpoint belongs to.
        on_epoch: Called after every epoch.
        on_silence: See `spareto.train`.
        how: `time`, `output`, `vote` and `reset`, as in `spareto.Interface`, or `interface`, all in one.

    Returns:
        The compressed copy in evaluation mode, its weights as they will be stored.

    Raises:
        ConfigError: The recipe does not fit the network.
        TrainingError: The loss is not finite.
    """
    refuse_unfit(network)
    refuse_merged_starts(recipe)
    data = whole_labels(data_of(data))
    stated = interface_of(**how)
    runner = Runner(network, samples_of_split(data), stated)
    calibration = partial(calibration_at, runner, recipe.training, seed)
    batches = steps_per_epoch(len(data.train_labels), recipe.training)
    schedule = _schedule(network, recipe, batches, seed, calibration)
    _refuse_what_fails_later(network, recipe, schedule, seed, calibration)
    compressed = copy_of(network)
    train(
        compressed,
        data,
        recipe.training,
        seed=seed,
        milestones=_milestones(recipe, schedule, seed, calibration),
        before_step=schedule.before_step if schedule is not None else None,
        checkpoint=checkpoint,
        key=key,
        on_epoch=on_epoch,
        on_silence=on_silence,
        interface=stated,
    )
    store(compressed, recipe)
    return compressed


def compress_and_calibrate(
    network: Module,
    recipe: Recipe,
    data: Any,
    *,
    seed: int = 0,
    samples: int = CALIBRATION_SAMPLES,
    **how: Unpack[How],
) -> Module:
    """A compressed copy of a trained network that is not trained again: batch norms are measured afresh.

    Args:
        network: The trained network; left untouched.
        recipe: Steps; all of them are in force, whatever their start. Its training plan gives the loss.
        data: See `spareto.train`; only its training split is looked at.
        seed: Decides what is random.
        samples: Training samples that pruners and batch norms are measured on.
        how: `time`, `output`, `vote` and `reset`, as in `spareto.Interface`, or `interface`, all in one.

    Returns:
        The compressed copy in evaluation mode, its weights as they will be stored.

    Raises:
        ConfigError: The recipe does not fit the network.
    """
    runner = Runner(network, samples_of_split(whole_labels(data_of(data))), interface_of(**how))
    loss = calibration_at(runner, recipe.training, seed, 0, samples)
    return calibrate(network, recipe, loss, seed=seed, calibration=loss)


def _refuse_what_fails_later(
    network: nn.Module,
    recipe: Recipe,
    schedule: MaskSchedule | None,
    seed: int,
    calibration: Callable[[int], Calibration],
) -> None:
    """What does not fit at a later step is refused now, not in mid-training."""
    if schedule is not None or any(step.start for step in recipe.steps):
        compress(network, recipe, calibration=calibration(0), seed=seed)


def _schedule(
    network: nn.Module, recipe: Recipe, batches: int, seed: int, calibration: Callable[[int], Calibration]
) -> MaskSchedule | None:
    """What changes masks in training; None where they are drawn once or nothing is trained."""
    plan = recipe.prune_step
    if plan is None or plan.schedule == ONE_SHOT or recipe.training.epochs == 0:
        return None
    return MaskSchedule(recipe, epoch_of(plan.start, recipe), batches, network, seed, calibration)


def _milestones(
    recipe: Recipe, schedule: MaskSchedule | None, seed: int, calibration: Callable[[int], Calibration]
) -> Milestones:
    changes: dict[int, list[Callable[[nn.Module], None]]] = {}
    if schedule is not None:
        for epoch, change in schedule.milestones().items():
            changes.setdefault(epoch, []).append(change)
        recipe = _with_sparsity(recipe, schedule.first_sparsity)
    for start in sorted({step.start for step in recipe.steps}):
        data = calibration(0)
        begin = partial(begin_steps, recipe=recipe, share=start, calibration=data, seed=seed)
        changes.setdefault(epoch_of(start, recipe), []).append(begin)
    return {epoch: partial(_all, changes=tuple(made)) for epoch, made in changes.items()}


def _all(network: nn.Module, changes: Iterable[Callable[[nn.Module], None]]) -> None:
    for change in changes:
        change(network)


def _with_sparsity(recipe: Recipe, sparsity: float) -> Recipe:
    """The recipe whose pruning is only so far on its way; layers with a sparsity of their own go along."""
    steps = tuple(_so_far(step, sparsity) if isinstance(step, PruneStep) else step for step in recipe.steps)
    return recipe.model_copy(update={"steps": steps})


def _so_far(step: PruneStep, sparsity: float) -> PruneStep:
    progress = sparsity / step.sparsity if step.sparsity else 1.0
    layers = tuple(
        own.model_copy(update={"sparsity": progress * own.sparsity}) for own in step.layer_sparsity
    )
    return step.model_copy(update={"sparsity": sparsity, "layer_sparsity": layers})


def calibration_at(
    runner: Runner, plan: TrainingPlan, seed: int, moment: int, most: int = CALIBRATION_SAMPLES
) -> Calibration:
    """The loss on at most so many training samples that seed and moment choose; read when it is asked for."""

    def loss(network: nn.Module) -> Tensor:
        samples = runner.samples
        count = min(samples.count, most)
        chosen = np.random.default_rng([seed, moment]).choice(samples.count, count, replace=False)
        known: Any = samples.labels
        labels = torch.from_numpy(known[chosen]).to(runner.device)
        frames, rated = samples.chosen(chosen.tolist()), takes_rates(plan)
        answers = runner.bound_to(network).answers(frames, count, rates=rated)
        return make_loss(plan)(answers, labels)

    return loss
