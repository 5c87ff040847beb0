"""The pruning step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from spareto.compression.masking import place, prune_to, pruner_of, schedule_of
from spareto.compression.parametrization import compressed_weight
from spareto.compression.steps._base import Setting, Step
from spareto.core.errors import ConfigError, Problem
from spareto.records import PruneStep


class Prune(Step):
    """Draw a mask for every layer from the scores of one pruner; schedules may change it in training."""

    def apply(self, layers: Mapping[str, nn.Module], plan: PruneStep, setting: Setting) -> None:
        """See `Step.apply`."""
        _refuse_twice(layers)
        schedule_of(plan, setting.where)  # a schedule that does not fit is refused also where none is trained
        place(layers, pruner_of(plan, setting.where), setting)
        prune_to(layers, plan, plan.sparsity, setting)


def _refuse_twice(layers: Mapping[str, nn.Module]) -> None:
    twice = [
        name
        for name, layer in layers.items()
        if (c := compressed_weight(layer)) is not None and c.mask is not None
    ]
    if twice:
        cure = "Start from the uncompressed network."
        raise ConfigError(Problem(f"layers {', '.join(twice)}", "a mask", "weights without a mask", cure))
