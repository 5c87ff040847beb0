"""The step that makes weights of epitomes."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import partial

from torch import nn
from typing_extensions import override

from spareto.compression.assembling import assemble, weight_shape
from spareto.compression.foreign import own_parametrization
from spareto.compression.parametrization import compressed_weight
from spareto.compression.steps._base import Step, StepContext
from spareto.compression.ties import shared_with
from spareto.core.errors import ConfigError, Problem, together
from spareto.records import Epitome, EpitomeStep, LayerEpitome


class MakeEpitomes(Step):
    """Give every layer that is larger than its limits the epitome nearest to its trained weight."""

    @override
    def apply(self, layers: Mapping[str, nn.Module], plan: EpitomeStep, context: StepContext) -> None:
        _refuse(layers, plan, context)
        made = together(*(partial(epitome_for, name, layer, plan) for name, layer in layers.items()))
        for layer, epitome in zip(layers.values(), made, strict=True):
            if not epitome.plain:
                assemble(layer, epitome, context.order, context.network)


def epitome_for(name: str, layer: nn.Module, plan: EpitomeStep) -> Epitome:
    """The epitome of a layer's weight; the weight itself where it is within the limits.

    Raises:
        ConfigError: The limits leave no room for one input channel.
    """
    groups = int(getattr(layer, "groups", 1))
    try:
        return Epitome.within(weight_shape(layer), _limits(name, plan), plan, groups)
    except ConfigError as error:
        raise ConfigError(
            Problem(f"layer '{name}', {each.where}", each.got, each.rule, each.cure)
            for each in error.problems
        ) from None


def _limits(name: str, plan: EpitomeStep) -> LayerEpitome:
    whole = LayerEpitome(layers="*", rows=plan.rows, columns=plan.columns)
    return next((own for own in plan.layer_shapes if fnmatchcase(name, own.layers)), whole)


def _refuse(layers: Mapping[str, nn.Module], plan: EpitomeStep, context: StepContext) -> None:
    problems: list[Problem] = []
    for name, layer in layers.items():
        compression, place = compressed_weight(layer), f"layer '{name}'"
        if own := own_parametrization(layer):
            cure = "Start from the network without it, or leave the layer out in recipe.layers."
            problems.append(Problem(place, own, "a plain weight", cure))
        elif compression is not None and (compression.quantizer or compression.mask is not None):
            cure = "Start from the uncompressed network."
            problems.append(Problem(place, "a compressed weight", "a plain weight", cure))
        elif others := shared_with(context.network, layer):
            cure = "Leave both layers out in recipe.layers, or give each its own weight."
            problems.append(
                Problem(place, f"a weight shared with '{others[0]}'", "a weight of its own", cure)
            )
    for place, own in enumerate(plan.layer_shapes):
        if not any(fnmatchcase(name, own.layers) for name in layers):
            where = f"{context.where}.layer_shapes[{place}].layers"
            rule, cure = "a pattern that matches a touched layer", f"They are {', '.join(layers)}."
            problems.append(Problem(where, repr(own.layers), rule, cure))
    ConfigError.if_any(problems)
