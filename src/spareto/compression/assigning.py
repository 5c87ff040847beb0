"""Which pruner and which sparsity each layer of a pruning step has."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from torch import nn

from spareto.compression.layers import all_names
from spareto.core.errors import ConfigError, Problem
from spareto.records import PruneStep

Layers = Mapping[str, nn.Module]


def plans_of(plan: PruneStep, where: str) -> list[tuple[PruneStep, str]]:
    """The step without its exceptions, then each exception as a step of its own, and their places."""
    plain = plan.replace(layer_sparsity=())
    made = [(plain, where)]
    for index, own in enumerate(plan.layer_sparsity):
        pruner = {} if own.pruner is None else {"pruner": own.pruner, "options": own.options}
        floor = min(plan.floor, 1 - own.sparsity)
        changes = {"sparsity": own.sparsity, "scope": "per_layer", "floor": floor, **pruner}
        made.append((plain.replace(**changes), f"{where}.layer_sparsity[{index}]"))
    return made


def assigned(
    layers: Layers, plan: PruneStep, network: nn.Module, where: str
) -> list[tuple[PruneStep, Layers]]:
    """Layers by the plan they are pruned by: those of the step itself first.

    Raises:
        ConfigError: A pattern matches no touched layer, or only some of the layers that share a weight.
    """
    if not plan.layer_sparsity:
        return [(plan, layers)]
    groups: list[dict[str, nn.Module]] = [{} for _ in range(len(plan.layer_sparsity) + 1)]
    matched: set[int] = set()
    for name, layer in layers.items():
        hits = [
            {place for place, own in enumerate(plan.layer_sparsity) if fnmatchcase(each, own.layers)}
            for each in all_names(network, name)
        ]
        matched |= set().union(*hits)
        first = {min(found, default=-1) for found in hits}
        if len(first) > 1:
            rule, cure = "one sparsity for the layers that share a weight", "Give them the same, or none."
            got = f"several for {', '.join(all_names(network, name))}"
            raise ConfigError(Problem(f"{where}.layer_sparsity", got, rule, cure))
        groups[first.pop() + 1][name] = layer
    lost = [place for place in range(len(plan.layer_sparsity)) if place not in matched]
    if lost:
        rule, cure = "a pattern that matches a touched layer", f"They are {', '.join(layers)}."
        raise ConfigError(
            Problem(
                f"{where}.layer_sparsity[{place}].layers", repr(plan.layer_sparsity[place].layers), rule, cure
            )
            for place in lost
        )
    plans = [each for each, _ in plans_of(plan, where)]
    return [(each, group) for each, group in zip(plans, groups, strict=True) if group]
