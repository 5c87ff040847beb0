"""The pruning step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from spareto.compression.parametrization import attach, compressed_weight, original_weight
from spareto.compression.steps._base import Setting, Step
from spareto.core.errors import ConfigError, Problem
from spareto.pruners import masks, registry
from spareto.records import PruneStep


class Prune(Step):
    """Draw a mask for every layer from the scores of one pruner, and fix it."""

    def apply(self, layers: Mapping[str, nn.Module], plan: PruneStep, setting: Setting) -> None:
        """See `Step.apply`."""
        _refuse_twice(layers)
        weights = {name: original_weight(layer).detach() for name, layer in layers.items()}
        drawn = masks(registry.make(plan.pruner).scores(weights), plan.sparsity, plan.scope)
        empty = [name for name, mask in drawn.items() if not mask.any()]
        if empty:
            cure = "Prune less, exclude these layers, or use scope 'per_layer'."
            rule = f"a sparsity that leaves weights in every layer, not none in {', '.join(empty)}"
            raise ConfigError(Problem("recipe.steps (prune).sparsity", f"{plan.sparsity:g}", rule, cure))
        for name, layer in layers.items():
            attach(layer, setting.order).mask = drawn[name].to(weights[name].dtype)


def _refuse_twice(layers: Mapping[str, nn.Module]) -> None:
    twice = [
        name
        for name, layer in layers.items()
        if (c := compressed_weight(layer)) is not None and c.mask is not None
    ]
    if twice:
        cure = "Start from the uncompressed network."
        raise ConfigError(Problem(f"layers {', '.join(twice)}", "a mask", "weights without a mask", cure))
