"""Carry out a pruning schedule while a network trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import nn

from spareto.compression.copies import passing_copy
from spareto.compression.foreign import renew
from spareto.compression.layers import synaptic_layers, touched_layers
from spareto.compression.masking import ONE_WEIGHT, prune_to, regrow, schedule_of
from spareto.compression.parametrization import CompressedWeight
from spareto.compression.runs import Call
from spareto.compression.steps import StepContext
from spareto.pruners.schedules import Schedule, Update
from spareto.records import PruneStep, Recipe


@dataclass(frozen=True)
class MaskSchedule:
    """The mask updates of one training after the first, which the pruning step itself makes.

    Args:
        recipe: What is trained.
        begin: Epoch at which pruning starts.
        batches: Optimizer steps of an epoch.
        start: The network that training starts from, to which some schedules rewind.
        seed: Decides what is random.
        run_at: Gives, for a number that names a moment of the training, what runs a network on data.
    """

    recipe: Recipe
    begin: int
    batches: int
    start: nn.Module
    seed: int
    run_at: Callable[[int], Call]

    @property
    def first_sparsity(self) -> float:
        """Share that goes when pruning starts; later updates raise it to the recipe's."""
        return self._updates[0].sparsity

    @cached_property
    def plan(self) -> PruneStep:
        """The recipe's pruning step."""
        assert self.recipe.prune_step is not None, "made for recipes that prune"
        return self.recipe.prune_step

    @cached_property
    def schedule(self) -> Schedule:
        """The step's schedule."""
        return schedule_of(self.plan, self._where)

    def milestones(self) -> Mapping[int, Callable[[nn.Module], None]]:
        """Epoch to what a restarting schedule does before it."""
        if not self.schedule.restarts:
            return {}
        later = [update for step, update in self._updates.items() if step > 0]
        return {self.begin + update.step: partial(self._restarted, update) for update in later}

    def before_step(self, network: nn.Module, step: int, steps: int) -> None:
        """What other schedules do before an optimizer step; see `spareto.train`."""
        since = step - self.begin * self.batches
        if since > 0 and since in self._updates and not self.schedule.restarts:
            self._carry_out(network, self._updates[since], step)

    @cached_property
    def _updates(self) -> Mapping[int, Update]:
        """By their step since pruning started."""
        epochs = self.recipe.training.epochs - self.begin
        steps = epochs if self.schedule.restarts else epochs * self.batches
        return {update.step: update for update in self.schedule.updates(steps, self.plan.sparsity)}

    @property
    def _where(self) -> str:
        return f"recipe.steps[{self.recipe.steps.index(self.plan)}]"

    def _restarted(self, update: Update, network: nn.Module) -> None:
        self._carry_out(network, update, self.begin + update.step)
        if self.schedule.rewinds:
            rewind(network, self.start)

    def _carry_out(self, network: nn.Module, update: Update, moment: int) -> None:
        layers = touched_layers(network, self.recipe.layers)
        context = StepContext(network, self._where, self.recipe.order, self.seed, self.run_at(moment))
        # a layer that training has made small must not end a training halfway: it keeps one weight
        plan = self.plan.replace(floor=max(self.plan.floor, ONE_WEIGHT))
        prune_to(layers, plan, update.sparsity, context)
        if update.exchange:
            regrow(layers, plan, update.exchange, moment, context)


def rewind(network: nn.Module, start: nn.Module) -> None:
    """Give a compressed network the values of the one it was copied from; masks and scales stay.

    Args:
        network: The compressed network, changed in place.
        start: The network with the values.
    """
    state = network.state_dict()
    with passing_copy(start) as source, torch.no_grad():
        for layer in synaptic_layers(source).values():
            renew(layer, "quantize_then_mask")  # as it was done to the network
        masks = {f"{name}." for name, part in source.named_modules() if isinstance(part, CompressedWeight)}
        for name, value in source.state_dict().items():
            owner, _, tensor = name.rpartition(".")
            if f"{owner}." not in masks:
                original = f"{owner}.parametrizations.{tensor}.original".lstrip(".")
                state[original if original in state else name].copy_(value)
