"""The same training with several seeds, to tell a result from luck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import nn

from spareto.core.errors import DataError, Problem
from spareto.records import TrainingPlan
from spareto.running import How, data_of, interface_of
from spareto.training.batches import samples_of_split
from spareto.training.evaluation import accuracy_of
from spareto.training.listening import Listener
from spareto.training.loop import train


@dataclass(frozen=True)
class SeedResult:
    """One seed's trained network.

    Args:
        seed: What its weights, order and augmentation were drawn from.
        network: In evaluation mode.
        accuracy: Share of the test split classified correctly, 0..1.
    """

    seed: int
    network: nn.Module
    accuracy: float


def train_seeds(
    make: Callable[[], nn.Module],
    data: Any,
    plan: TrainingPlan,
    seeds: Sequence[int],
    *,
    folder: str | Path | None = None,
    on_epoch: Listener | None = None,
    **how: Unpack[How],
) -> tuple[SeedResult, ...]:
    """Train a fresh network with each seed, one after the other.

    Args:
        make: Gives a network with weights drawn from torch's global generator.
        data: Trained on its training split, measured on its test split; see `spareto.from_arrays`.
        plan: How to train.
        seeds: One training each.
        folder: Keeps each training's checkpoint; the same call then carries on after a kill.
        on_epoch: Called after every epoch of every seed.
        how: `time`, `output`, `vote` and `reset`, as in `spareto.Interface`, or `interface`, all in one.

    Returns:
        One result a seed, in the order of the seeds.

    Raises:
        DataError: There is no test split.
    """
    frames = data_of(data)
    stated = interface_of(**how)
    if not len(frames.test_labels):
        cure = "Give spareto.from_arrays(...) a test split, or use spareto.train."
        raise DataError(Problem("data", "no test split", "samples to measure on", cure))
    test = samples_of_split(frames, "test")
    results: list[SeedResult] = []
    for seed in seeds:
        torch.manual_seed(seed)
        network = make()
        checkpoint = None if folder is None else Path(folder) / f"seed-{seed}.safetensors"
        train(network, frames, plan, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch, interface=stated)
        results.append(SeedResult(seed, network, accuracy_of(network, test, stated)))
    return tuple(results)
