"""Compress while training: the recipe's steps begin at their share of the epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from spareto.compression.calibration import calibrate
from spareto.compression.checks import epoch_of, refuse_merged_starts, refuse_unfit
from spareto.compression.compressing import begin_steps, compress, store
from spareto.compression.copies import Module, copy_of
from spareto.compression.epochs import begin_epoch
from spareto.compression.masking import ONE_WEIGHT
from spareto.compression.runs import Call
from spareto.compression.scheduling import MaskSchedule
from spareto.core.errors import together
from spareto.data.load import FrameData
from spareto.records import PruneStep, Recipe, SchedulePlan, TrainingPlan
from spareto.running import How, Interface, Runner, data_of, interface_of
from spareto.training import Listener, Milestones, SilenceListener, train, warn_of_silence
from spareto.training.batches import samples_of_split, steps_per_epoch, whole_labels
from spareto.training.losses import make_loss, takes_rates
from spareto.training.optimizer import optimizer_of

ONE_SHOT = SchedulePlan()
CALIBRATION_SAMPLES = 128
"""Samples on which gradients and activity are measured; lee2019 scores connections on about as many."""
REHEARSAL_SAMPLES = 4


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
    plan = _Plan(network, recipe, data_of(data), seed, interface_of(**how))
    if plan.schedule is not None or any(step.start for step in recipe.steps):
        plan.compressed()  # what does not fit at a later step is refused now, not in mid-training
    compressed = copy_of(network)
    train(
        compressed,
        plan.data,
        recipe.training,
        seed=seed,
        milestones=plan.milestones(),
        before_step=plan.schedule.before_step if plan.schedule is not None else None,
        before_epoch=begin_epoch,
        checkpoint=checkpoint,
        key=key,
        on_epoch=on_epoch,
        on_silence=on_silence,
        interface=plan.interface,
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
        how: See `compress_and_train`.

    Returns:
        The compressed copy in evaluation mode, its weights as they will be stored.

    Raises:
        ConfigError: The recipe does not fit the network.
    """
    plan = _Plan(network, recipe, data_of(data), seed, interface_of(**how), samples)
    return calibrate(network, recipe, plan.run_at(0), seed=seed)


def rehearse(network: Module, recipe: Recipe, data: Any, *, seed: int = 0, **how: Unpack[How]) -> Module:
    """What `compress_and_train` would give if it trained nothing, on a few samples: seconds instead of hours.

    Everything that it would refuse, now or at a later step, is refused here.

    Args:
        network: Trained or not; left untouched.
        recipe: Steps and training plan.
        data: See `spareto.train`.
        seed: Decides what is drawn at random.
        how: See `compress_and_train`.

    Returns:
        The compressed copy in evaluation mode.

    Raises:
        ConfigError: The recipe does not fit the network; names everything that does not.
    """
    refuse_unfit(network)
    alive = _with_one_weight(recipe)
    plan = _Plan(network, alive, data_of(data), seed, interface_of(**how), samples=REHEARSAL_SAMPLES)
    asked = partial(optimizer_of, recipe.training, "recipe.training.optimizer")
    compressed, *_ = together(plan.compressed, partial(refuse_merged_starts, recipe), plan.milestones, asked)
    return compressed.eval()


def _with_one_weight(recipe: Recipe) -> Recipe:
    """The recipe that empties no layer where all are ranked together: training decides which it would be."""
    steps = tuple(
        step.replace(floor=max(step.floor, ONE_WEIGHT))
        if isinstance(step, PruneStep) and step.scope == "global"
        else step
        for step in recipe.steps
    )
    return recipe.replace(steps=steps)


class _Plan(Generic[Module]):
    """What one recipe does to one network in training, made before anything is trained."""

    def __init__(
        self,
        network: Module,
        recipe: Recipe,
        data: FrameData,
        seed: int,
        interface: Interface,
        samples: int = CALIBRATION_SAMPLES,
    ) -> None:
        self.network, self.recipe, self.seed, self.interface = network, recipe, seed, interface
        self.data = whole_labels(data)
        runner = Runner(network, samples_of_split(self.data), interface)
        self.run_at = partial(_loss_at, runner, recipe.training, seed, samples)

    def compressed(self) -> Module:
        """A copy with every step in force."""
        return compress(self.network, self.recipe, run=self.run_at(0), seed=self.seed)

    @cached_property
    def schedule(self) -> MaskSchedule | None:
        """What changes masks in training; None where they are drawn once or nothing is trained."""
        plan, training = self.recipe.prune_step, self.recipe.training
        if plan is None or plan.schedule == ONE_SHOT or training.epochs == 0:
            return None
        begin, batches = (
            epoch_of(plan.start, self.recipe),
            steps_per_epoch(len(self.data.train_labels), training),
        )
        return MaskSchedule(self.recipe, begin, batches, self.network, self.seed, self.run_at)

    def milestones(self) -> Milestones:
        """Epoch to the changes made before it."""
        changes: dict[int, list[Callable[[nn.Module], None]]] = {}
        recipe = self.recipe
        if self.schedule is not None:
            for epoch, change in self.schedule.milestones().items():
                changes.setdefault(epoch, []).append(change)
            recipe = _with_sparsity(recipe, self.schedule.first_sparsity)
        for start in recipe.starts:
            begin = partial(begin_steps, recipe=recipe, share=start, run=self.run_at(0), seed=self.seed)
            changes.setdefault(epoch_of(start, recipe), []).append(begin)
        return {epoch: partial(_all, changes=tuple(made)) for epoch, made in changes.items()}


def _all(network: nn.Module, changes: Iterable[Callable[[nn.Module], None]]) -> None:
    for change in changes:
        change(network)


def _with_sparsity(recipe: Recipe, sparsity: float) -> Recipe:
    """The recipe whose pruning is only so far on its way; layers with a sparsity of their own go along."""
    steps = tuple(_so_far(step, sparsity) if isinstance(step, PruneStep) else step for step in recipe.steps)
    return recipe.replace(steps=steps)


def _so_far(step: PruneStep, sparsity: float) -> PruneStep:
    return step.on_its_way(sparsity, sparsity / step.sparsity if step.sparsity else 1.0)


def _loss_at(runner: Runner, plan: TrainingPlan, seed: int, most: int, moment: int) -> Call:
    """The loss on training samples that seed and moment choose; read when it is asked for."""

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
