"""The same training with several seeds, to tell a result from luck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from spareto.data.load import FrameData
from spareto.records import TrainingPlan
from spareto.training.evaluate import evaluate
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
    data: FrameData,
    plan: TrainingPlan,
    seeds: Sequence[int],
    *,
    folder: str | Path | None = None,
    on_epoch: Listener | None = None,
) -> tuple[SeedResult, ...]:
    """Train a fresh network with each seed, one after the other.

    Args:
        make: Gives a network with weights drawn from torch's global generator.
        data: Trained on its training split, measured on its test split.
        plan: How to train.
        seeds: One training each.
        folder: Keeps each training's checkpoint; the same call then carries on after a kill.
        on_epoch: Called after every epoch of every seed.

    Returns:
        One result a seed, in the order of the seeds.
    """
    results: list[SeedResult] = []
    for seed in seeds:
        torch.manual_seed(seed)
        network = make()
        checkpoint = None if folder is None else Path(folder) / f"seed-{seed}.safetensors"
        train(network, data, plan, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch)
        results.append(SeedResult(seed, network, evaluate(network, data.test_frames, data.test_labels)))
    return tuple(results)
