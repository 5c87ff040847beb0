"""The pruning step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from typing_extensions import override

from spareto.compression.foreign import own_parametrization
from spareto.compression.masking import place, prune_to, schedule_of
from spareto.compression.parametrization import refuse_twice
from spareto.compression.steps._base import Step, StepContext
from spareto.core.errors import ConfigError, Problem
from spareto.records import PruneStep
from spareto.widths import epitome_of


class Prune(Step):
    """Draw a mask for every layer from the scores of one pruner; schedules may change it in training."""

    @override
    def apply(self, layers: Mapping[str, nn.Module], plan: PruneStep, context: StepContext) -> None:
        refuse_twice(layers, lambda c: c.mask is not None and not c.given, "a mask", "weights without a mask")
        _refuse_epitomes(layers)
        schedule = schedule_of(plan, context.where)  # refused also where nothing is trained
        if any(update.exchange for update in schedule.updates(1000, plan.sparsity)):
            _refuse_computed(layers, context.where)
        place(layers, plan, context)
        prune_to(layers, plan, plan.sparsity, context)


def _refuse_epitomes(layers: Mapping[str, nn.Module]) -> None:
    """A pruned number of an epitome frees no cell of a crossbar."""
    made = [name for name, layer in layers.items() if epitome_of(layer) is not None]
    if made:
        rule, cure = (
            "weights of their own",
            "Leave them out in recipe.layers, or start from the network without.",
        )
        raise ConfigError(Problem(f"layers {', '.join(made)}", "epitomes", rule, cure))


def _refuse_computed(layers: Mapping[str, nn.Module], where: str) -> None:
    """Weights that are computed from others cannot start again from 0."""
    ConfigError.if_any(
        Problem(
            f"layer '{name}'",
            own,
            f"weights of its own for {where}.schedule, which lets weights grow again from 0",
            "Choose schedule 'gradual', or exclude the layer in recipe.layers.",
        )
        for name, layer in layers.items()
        if (own := own_parametrization(layer))
    )
