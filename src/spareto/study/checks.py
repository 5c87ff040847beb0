"""Refuse what cannot be carried out before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from spareto import networks
from spareto.core.errors import ConfigError, InputError, Problem
from spareto.data import DatasetInfo
from spareto.data.load import FrameData
from spareto.observing import in_mode
from spareto.records import Recipe
from spareto.running import Interface, Runner
from spareto.study.config import NetworkPlan, OwnNetworkPlan
from spareto.study.trials import TrialRunner
from spareto.training.batches import samples_of_split


def refuse_misfits(runner: TrialRunner, network: nn.Module, recipes: Sequence[Recipe]) -> None:
    """Carry every recipe out on the untrained network and a few samples: compress, profile and cost it.

    Args:
        runner: The study's trials.
        network: Untrained, or with the weights that came with it.
        recipes: What is to be carried out.

    Raises:
        ConfigError: A recipe does not fit the network, the data or the accelerator. Names every reason.
    """
    problems: list[Problem] = []
    for recipe in recipes:
        try:
            runner.rehearse(network, recipe)
        except InputError as error:
            where = f"recipe '{recipe.label}', "
            problems += [
                replace(each, where=where + each.where.removeprefix("recipe.")) for each in error.problems
            ]
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
    ConfigError.if_any(
        Problem(f"data.{name}", str(got), f"{own}, as the network was built for", cure)
        for name, got, own in pairs
        if got != own
    )


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
    with in_mode(network, training=False), torch.inference_mode():
        some = samples.batch(0, 2)
        classes = runner.answers(some, min(2, samples.count)).shape[1]
    if classes < data.info.classes:
        cure = "Build the network with as many classes, or set data.classes."
        rule = f"{data.info.classes} or more, the classes of {data.name}"
        raise ConfigError(Problem("network", f"an answer of {classes} classes", rule, cure))
    return runner.notes
