"""Refuse what cannot be carried out before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from spareto import networks, quantizers
from spareto.compression.checks import refuse_merged_starts
from spareto.compression.compressing import compress
from spareto.compression.layers import touched_layers
from spareto.compression.masking import pruner_of, schedule_of
from spareto.core.errors import ConfigError, InputError, Problem
from spareto.data import DatasetInfo
from spareto.data.load import FrameData
from spareto.records import Recipe
from spareto.running import Interface, Runner
from spareto.study.config import NetworkPlan, OwnNetworkPlan
from spareto.training.batches import samples_of_split


def refuse_misfits(network: nn.Module, recipes: Sequence[Recipe]) -> None:
    """Try everything that recipes name on an untrained network.

    Raises:
        ConfigError: A recipe names an unknown quantizer, rounding, pruner or schedule, an option these do
            not take, a width its quantizer has no codes for, layers the network does not have, or a training
            too short for its steps. Names every one.
    """
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


def refuse_other_frames(plan: NetworkPlan | OwnNetworkPlan, data: FrameData) -> None:
    """Refuse data of a user's own that a network of our zoo cannot take.

    Raises:
        ConfigError: They have no known time, or their frames are not polarities, height and width.
    """
    if isinstance(plan, OwnNetworkPlan):
        return
    if data.layout != "time-first":
        got, cure = f"samples of shape {data.train_frames.shape[1:]}", "Write data.timesteps, or data.layout."
        raise ConfigError(Problem("data", got, "frames over a known number of timesteps", cure))
    item = data.train_frames.shape[2:]
    if len(item) != 3:
        cure = "Give frames of these three axes, or a network of your own: network.import."
        raise ConfigError(Problem("data", f"frames of shape {item}", "(polarities, height, width)", cure))


def try_out(network: nn.Module, data: FrameData, interface: Interface | None) -> tuple[str, ...]:
    """Run a network on two samples before anything is trained.

    Returns:
        What was found out about how it is run, one sentence each.

    Raises:
        ConfigError: It does not run on the data, it is not clear how, or it has fewer classes than they.
    """
    samples = samples_of_split(data)
    runner = Runner(network, samples, interface or Interface())
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        some = samples.batch(0, 2)
        classes = runner.answers(some, min(2, samples.count)).shape[1]
    network.train(was_training)
    if classes < data.info.classes:
        cure = "Build the network with as many classes, or set data.classes."
        rule = f"{data.info.classes} or more, the classes of {data.name}"
        raise ConfigError(Problem("network", f"an answer of {classes} classes", rule, cure))
    return runner.notes


def _problems(recipe: Recipe, network: nn.Module) -> Iterator[Problem]:
    attempts: list[Callable[[], object]] = [
        partial(touched_layers, network, recipe.layers),
        partial(refuse_merged_starts, recipe),
    ]
    if step := recipe.prune_step:
        where = f"recipe.steps[{recipe.steps.index(step)}]"
        attempts += [partial(pruner_of, step, where), partial(schedule_of, step, where)]
    if step := recipe.quantize_step:
        options = {"bits": step.bits, "granularity": step.granularity}
        attempts.append(partial(quantizers.registry.make, step.quantizer, **options))
    problems = [problem for attempt in attempts for problem in _refused(attempt)]
    for found in problems or _refused(partial(_quantized, network, recipe)):
        yield replace(found, where=f"recipe '{recipe.label}', {found.where.removeprefix('recipe.')}")


def _refused(attempt: Callable[[], object]) -> tuple[Problem, ...]:
    """What is wrong with an attempt."""
    try:
        attempt()
    except InputError as error:
        return error.problems
    return ()


def _quantized(network: nn.Module, recipe: Recipe) -> None:
    """Quantize a copy, which tells what names and numbers alone do not; masks and folding go by the data.

    Raises:
        ConfigError: The recipe's quantizing step does not fit the network.
    """
    step = recipe.quantize_step
    if step is None:
        return
    try:
        compress(network, recipe.replace(steps=(step.replace(fold_batch_norm=False),)))
    except InputError as error:
        own, index = "recipe.steps[0]", recipe.steps.index(step)
        places = (each.where.replace(own, f"recipe.steps[{index}]", 1) for each in error.problems)
        raise ConfigError(
            replace(each, where=where) for each, where in zip(error.problems, places, strict=True)
        ) from None
