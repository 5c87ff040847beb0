"""Masks of pruned layers: put there, drawn again, exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from spareto.compression.assigning import assigned, plans_of
from spareto.compression.evidence import evidence
from spareto.compression.parametrization import (
    attach,
    compressed_weight,
    incoming,
    widened,
)
from spareto.compression.silencing import silence, silence_with
from spareto.compression.steps._base import StepContext
from spareto.compression.tensors import is_frozen, original_weight
from spareto.core.errors import ConfigError, Problem, together
from spareto.pruners import Pruner, draw, registry
from spareto.pruners.schedules import Schedule, exchange
from spareto.pruners.schedules import registry as schedules
from spareto.records import PruneStep

Layers = Mapping[str, nn.Module]
ONE_WEIGHT = 1e-9  # a floor so low that it protects just one weight per layer


def pruner_of(plan: PruneStep, where: str) -> Pruner:
    """The pruner a step asks for.

    Raises:
        UnknownName: There is no such pruner.
        ConfigError: It has no such option.
    """
    return registry.make(plan.pruner, f"{where}.options", **plan.options)


def schedule_of(plan: PruneStep, where: str) -> Schedule:
    """The schedule a step asks for.

    Raises:
        UnknownName: There is no such schedule.
        ConfigError: It has no such option, an option has a wrong value, or it does not fit the pruner.
    """
    plans = list(plans_of(plan, where))
    *made, schedule = together(
        *(partial(pruner_of, own, place) for own, place in plans),
        lambda: schedules.get(plan.schedule.name).parse(plan.schedule.options, f"{where}.schedule.options"),
    )
    pruners = {own.pruner: pruner for (own, _), pruner in zip(plans, made, strict=True)}
    exchanges = any(update.exchange for update in schedule.updates(1000, plan.sparsity))
    patterned = [name for name, pruner in pruners.items() if pruner.keeps_pattern]
    if exchanges and patterned:
        rule = f"a schedule that regrows nothing, for pruner '{patterned[0]}' keeps a pattern"
        cure = "Use pruner 'magnitude', or schedule 'gradual'."
        raise ConfigError(Problem(f"{where}.schedule.name", repr(plan.schedule.name), rule, cure))
    return schedule


def place(layers: Layers, plan: PruneStep, context: StepContext) -> None:
    """Give every layer a mask that keeps everything; where channels go, also its bias and batch norm.

    A mask that came with the network stays.

    Raises:
        ConfigError: A layer's own sparsity names no layer, or there is no such pruner.
    """
    for layer in layers.values():
        compression = attach(layer, context.order, network=context.network)
        if compression.mask is None:
            compression.mask = torch.ones_like(incoming(layer))
        compression.given = False
    for own, group in assigned(layers, plan, context.network, context.where):
        if pruner_of(own, context.where).unit == "channel":
            silence_with(group, context)


def prune_to(layers: Layers, plan: PruneStep, sparsity: float, context: StepContext) -> None:
    """Remove weights until `sparsity` is reached; what is removed stays removed.

    Args:
        layers: Layers with masks, by dotted name.
        plan: Pruner, scope, floor.
        sparsity: Share of weights, or of channels, removed from now on, 0..1; layers with a sparsity of their
            own are as far on the way to it.
        context: Network, seed and data.

    Raises:
        ConfigError: A layer would be left without weights, or the pruner needs data and there are none.
    """
    progress = sparsity / plan.sparsity if plan.sparsity else 1.0
    for own, group in assigned(layers, plan, context.network, context.where):
        _prune_to(group, own, sparsity if own.sparsity == plan.sparsity else progress * own.sparsity, context)


def _prune_to(layers: Layers, plan: PruneStep, sparsity: float, context: StepContext) -> None:
    """The same of layers that one pruner ranks."""
    if sparsity == 0:
        return
    pruner = pruner_of(plan, context.where)
    drawn = draw(
        pruner,
        _weights(layers),
        sparsity,
        plan.scope,
        floor=plan.floor,
        evidence=evidence(layers, pruner.needs, context, f"pruner '{plan.pruner}'"),
        removed={name: mask == 0 for name, mask in _masks(layers).items()},
    )
    _refuse_empty(drawn, plan, sparsity, context.where)
    _set(layers, drawn, pruner, context.network)


def regrow(layers: Layers, plan: PruneStep, share: float, step: int, context: StepContext) -> None:
    """Exchange a share of each layer's live weights for removed ones, which start from 0.

    Args:
        layers: Layers with masks, by dotted name.
        plan: Pruner and schedule.
        share: Share of live weights, 0..1.
        step: Training step; with the seed it decides what grows at random.
        context: Network, seed and data.
    """
    schedule, weights = schedule_of(plan, context.where), _weights(layers)
    asks, seed = f"schedule '{plan.schedule.name}'", context.seed * 1_000_003 + step
    scores = schedule.growth(weights, evidence(layers, schedule.needs, context, asks, seed))
    for name, layer in layers.items():
        if is_frozen(layer):
            continue
        mask, grown = exchange(_masks(layers)[name] != 0, weights[name], scores[name], share)
        _mask(layer).copy_(mask)
        with torch.no_grad():
            original_weight(layer)[grown] = 0.0


def _weights(layers: Layers) -> dict[str, Tensor]:
    return {name: widened(incoming(layer)) for name, layer in layers.items()}


def _mask(layer: nn.Module) -> Tensor:
    compression = compressed_weight(layer)
    assert compression is not None, "place() comes first"
    assert compression.mask is not None, "place() comes first"
    return compression.mask


def _masks(layers: Layers) -> dict[str, Tensor]:
    return {name: _mask(layer) for name, layer in layers.items()}


def _set(layers: Layers, drawn: Mapping[str, Tensor], pruner: Pruner, network: nn.Module) -> None:
    for name, layer in layers.items():
        _mask(layer).mul_(drawn[name])
        if pruner.unit == "channel":
            silence(network, name, _mask(layer).flatten(1).any(1))


def _refuse_empty(drawn: Mapping[str, Tensor], plan: PruneStep, sparsity: float, where: str) -> None:
    empty = [name for name, mask in drawn.items() if not mask.any()]
    if empty:
        rule = f"a sparsity that leaves weights in every layer, not none in {', '.join(empty)}"
        cure = (
            "Set 'floor' to the least share a layer keeps, say 0.05, or prune less, or exclude these layers."
        )
        raise ConfigError(Problem(f"{where}.sparsity", f"{sparsity:g}", rule, cure))
