"""How long a study will take and how much room: its trainings are tried on a few batches before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import nn

from spareto.core.artifacts import canonical_json
from spareto.core.scratch import scratch_folder
from spareto.data.load import FrameData
from spareto.records import Recipe, TrainingPlan
from spareto.study.folder import RunFolder
from spareto.study.listener import StudyListener
from spareto.study.splits import SplitSamples, StudyData
from spareto.study.trials import TrialRunner
from spareto.training import train

LONG: Final = 500_000
"""Frames that a study trains on, from which on it is worth a trial of its trainings; fewer take a minute."""

PAGES: Final = 1.5
"""Room of a database for what it holds."""

BATCHES: Final = 6
"""Batches of an epoch that is tried."""

VALIDATION: Final = 128
"""Samples that a trial is measured on."""


@dataclass(frozen=True)
class Estimate:
    """What a study will take.

    Args:
        trials: Those that are still to be carried out.
        seconds: Wall time of all of them.
        bytes: Room of their files.
    """

    trials: int
    seconds: float
    bytes: float


@dataclass(frozen=True)
class _Rate:
    """What a recipe takes: seconds a training sample, a validation sample, and once; bytes of its files."""

    training: float
    validation: float
    once: float
    bytes: float


def is_long(runner: TrialRunner, wanted: Sequence[tuple[Recipe, int]]) -> bool:
    """Whether an estimate is worth its time."""
    data = runner.data.train
    epochs = sum(recipe.training.epochs for recipe, _ in wanted if recipe.steps)
    epochs += runner.config.dense_training.epochs * len({seed for _, seed in wanted})
    return epochs * len(data.train_labels) * (data.timesteps or 1) >= LONG


def estimate(runner: TrialRunner, wanted: Sequence[tuple[Recipe, int]], workers: int = 1) -> Estimate:
    """Try one recipe of every regime and training on a few batches, and reckon up.

    Args:
        runner: The study's trials.
        wanted: What is still to be carried out.
        workers: Trials at once.

    Returns:
        The estimate. Trainings that stop early take less.
    """
    samples, held_out = len(runner.data.train.train_labels), len(runner.data.validation)
    rates: dict[str, _Rate] = {}
    shared: set[str] = set()
    seconds = size = 0.0
    with scratch_folder() as folder, torch.random.fork_rng(devices=()):
        tried = _few(runner, Path(folder))
        dense, _ = _dense(tried, wanted[0][1])
        _tried(tried, dense, wanted[-1][0], wanted[-1][1])  # what only the first trial takes
        for recipe, seed in wanted:
            kind = f"{recipe.regime} {recipe.training.replace(epochs=0).hash}"
            if kind not in rates:
                rates[kind] = _tried(tried, dense, recipe, seed)
            rate = rates[kind]
            plan = recipe.training if recipe.steps else runner.config.dense_training
            epochs, prefix = plan.epochs, runner.prefix(recipe, seed)
            if prefix is not None and (prefix.there or prefix.key in shared):
                epochs -= prefix.epochs
            elif prefix is not None:
                shared.add(prefix.key)
                size += _size_of(dense)
            seconds += epochs * samples * rate.training + held_out * rate.validation + rate.once
            size += rate.bytes
    return Estimate(len(wanted), seconds / max(1, min(workers, len(wanted))), size)


def _few(runner: TrialRunner, folder: Path) -> TrialRunner:
    """The same study on a few samples, in another folder."""
    plans = (runner.config.dense_training, runner.config.compression_training)
    train_few = _first(runner.data.train, BATCHES * max(plan.batch_size for plan in plans))
    held, time_first = runner.data.validation, runner.data.train.layout == "time-first"
    frames = held.frames[:, :VALIDATION] if time_first else held.frames[:VALIDATION]
    few = StudyData(train_few, SplitSamples(held.name, frames, held.labels[:VALIDATION]), runner.data.hash)
    return replace(runner, data=few, folder=RunFolder(folder), listener=StudyListener())


def _first(data: FrameData, count: int) -> FrameData:
    frames = data.train_frames[:, :count] if data.layout == "time-first" else data.train_frames[:count]
    return replace(data, train_frames=frames, train_labels=data.train_labels[:count])


def _dense(few: TrialRunner, seed: int) -> tuple[nn.Module, list[float]]:
    """A dense network that was trained for two short epochs, and the seconds of each."""
    epochs: list[float] = []
    network, _ = few.builder.build(few.data.train.info)
    network.to(few.device)
    train(
        network,
        few.data.train,
        _two_epochs(few.config.dense_training),
        seed=seed,
        interface=few.builder.interface,
        on_epoch=lambda report: epochs.append(report.seconds),
    )
    return network, epochs


def _tried(few: TrialRunner, dense: nn.Module, recipe: Recipe, seed: int) -> _Rate:
    """Carry a recipe out on a few samples; its second epoch tells what an epoch takes."""
    epochs: list[float] = []
    if not recipe.steps:
        epochs = _dense(few, seed)[1]
    began, tried = time.perf_counter(), recipe.replace(training=_two_epochs(recipe.training))
    trial = few.run(dense, tried, seed, None, lambda report: epochs.append(report.seconds))
    took = time.perf_counter() - began - (sum(epochs) if recipe.steps else 0.0)
    began = time.perf_counter()
    few.measured(dense.cpu())
    measured = time.perf_counter() - began
    rooms = ("networks", "workloads", "details")
    files = [path.stat().st_size for room in rooms for path in (few.folder.root / room).glob("*")]
    size = sum(files) + PAGES * len(canonical_json(trial.to_dict()))
    size += 0 if recipe.steps else _size_of(dense)
    for path in few.folder.root.rglob("*.*"):
        path.unlink()
    trained = epochs[-1] / len(few.data.train.train_labels) if epochs else 0.0
    return _Rate(trained, measured / len(few.data.validation), max(0.0, took - measured), float(size))


def _size_of(network: nn.Module) -> float:
    """Bytes of its checkpoint without an optimizer."""
    return sum(tensor.nbytes for tensor in network.state_dict().values())


def _two_epochs(plan: TrainingPlan) -> TrainingPlan:
    if not plan.epochs:
        return plan
    return plan.replace(epochs=2, warmup_epochs=0, patience=None, keep="last", average_epochs=0)
