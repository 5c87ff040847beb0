"""Refuse what cannot be carried out before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from torch import nn

from spareto import networks, quantizers
from spareto.compression.layers import touched_layers
from spareto.compression.masking import pruner_of, schedule_of
from spareto.core.errors import ConfigError, InputError, Problem
from spareto.data import DatasetInfo
from spareto.records import Recipe
from spareto.study.config import NetworkPlan


def refuse_misfits(plan: NetworkPlan, recipes: Sequence[Recipe], info: DatasetInfo) -> None:
    """Try everything a study names on an untrained network.

    Raises:
        UnknownName: No such network.
        ConfigError: The network's options do not fit; or a recipe names an unknown quantizer, pruner or
            schedule, an option these do not take, a width its quantizer has no codes for, or layers the
            network does not have. Names every one.
    """
    network = networks.build(plan.name, sensor=info.sensor, classes=info.classes, **plan.options)
    problems = [problem for recipe in recipes for problem in _problems(recipe, network)]
    if problems:
        raise ConfigError(dict.fromkeys(problems))


def refuse_other_data(network: nn.Module, info: DatasetInfo) -> None:
    """Refuse data that a network of our zoo was not built for; of any other network nothing is known.

    Raises:
        ConfigError: They come from another sensor, or have other classes.
    """
    if not isinstance(network, networks.Network):
        return
    cure = "Name the data the network was trained on."
    pairs = [("sensor", info.sensor, network.sensor), ("classes", info.classes, network.classes)]
    problems = [
        Problem(f"data.{name}", str(got), f"{own}, as the network was built for", cure)
        for name, got, own in pairs
        if got != own
    ]
    if problems:
        raise ConfigError(problems)


def _problems(recipe: Recipe, network: nn.Module) -> Iterator[Problem]:
    attempts: list[Callable[[], object]] = [partial(touched_layers, network, recipe.layers)]
    if step := recipe.prune_step:
        where = f"recipe.steps[{recipe.steps.index(step)}]"
        attempts += [partial(pruner_of, step, where), partial(schedule_of, step, where)]
    if step := recipe.quantize_step:
        options = {"bits": step.bits, "granularity": step.granularity}
        attempts.append(partial(quantizers.registry.make, step.quantizer, **options))
    for attempt in attempts:
        try:
            attempt()
        except InputError as error:
            for found in error.problems:
                where = f"recipe '{recipe.label}', {found.where.removeprefix('recipe.')}"
                yield Problem(where, found.got, found.rule, found.cure)
