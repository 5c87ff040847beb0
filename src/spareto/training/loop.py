"""The training loop: back-propagation through time, resumable after every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from spareto.core.artifacts import fingerprint
from spareto.core.errors import Problem, StoreError, TrainingError
from spareto.data.augment import random_rotation, random_shift
from spareto.data.load import FrameData
from spareto.records import TrainingPlan
from spareto.training.checkpoint import load_checkpoint, read_manifest, save_checkpoint
from spareto.training.losses import LOSSES
from spareto.training.schedule import Phase, learning_rate_factor, phases


@dataclass(frozen=True)
class EpochReport:
    """What a listener is told after an epoch.

    Args:
        epoch: Epochs done, from 1.
        epochs: Epochs in all.
        loss: Mean training loss of the epoch.
        seconds: Wall time of the epoch.
    """

    epoch: int
    epochs: int
    loss: float
    seconds: float


Listener = Callable[[EpochReport], None]
Milestones = Mapping[int, Callable[[nn.Module], None]]
BeforeStep = Callable[[nn.Module, int, int], None]
"""Called with the network, the optimizer step from 0 over all epochs, and the number of all steps."""


def train(
    network: nn.Module,
    data: FrameData,
    plan: TrainingPlan,
    *,
    seed: int = 0,
    milestones: Milestones | None = None,
    before_step: BeforeStep | None = None,
    checkpoint: Path | None = None,
    key: str = "",
    on_epoch: Listener | None = None,
) -> None:
    """Train a network in place; it ends in evaluation mode.

    With a `checkpoint` path the state is kept after every epoch, and a call that finds one there goes on
    from it and ends with the same numbers as an uninterrupted run: what is random in an epoch depends on
    `seed` and the epoch alone.

    Args:
        network: Frames `(time, batch, polarities, height, width)` in, rates `(batch, classes)` out.
        data: Training frames and labels.
        plan: Epochs, learning rate, loss.
        seed: Decides order, shifts and dropout.
        milestones: Epoch to a change of the network made before that epoch; each starts a new phase of the
            learning rate and a fresh optimizer.
        before_step: Called before every optimizer step; what it does may depend on its arguments alone, or
            a training that was stopped would end elsewhere.
        checkpoint: Where to keep the state.
        key: Fingerprint of everything the run depends on, by default of plan and seed; a checkpoint of
            another key is refused.
        on_epoch: Called after every epoch.

    Raises:
        TrainingError: The loss is not finite.
        StoreError: The checkpoint is damaged or belongs to another run.
    """
    changes = milestones or {}
    run = _Run(network, data, plan, seed, before_step, checkpoint, key, on_epoch)
    done = run.resumable_epochs()
    for phase in phases(plan.epochs, changes):
        if checkpoint is not None and 0 < phase.first == done:
            load_checkpoint(checkpoint, network)  # a milestone changes the network trained so far
        if phase.first in changes:
            changes[phase.first](network)
        if done < phase.end:
            run.phase(phase, done)
    if checkpoint is not None and 0 < done == plan.epochs:
        load_checkpoint(checkpoint, network)
    network.eval()


class _Run:
    """One call of `train`: what stays the same over its epochs."""

    def __init__(
        self,
        network: nn.Module,
        data: FrameData,
        plan: TrainingPlan,
        seed: int,
        before_step: BeforeStep | None,
        checkpoint: Path | None,
        key: str,
        on_epoch: Listener | None,
    ) -> None:
        self.network, self.data, self.plan, self.seed = network, data, plan, seed
        self.before_step, self.checkpoint, self.on_epoch = before_step, checkpoint, on_epoch
        self.key = key or fingerprint([plan.to_dict(), seed])
        self.loss = LOSSES[plan.loss]
        self.samples = len(data.train_labels)
        self.batches = math.ceil(self.samples / plan.batch_size)

    def resumable_epochs(self) -> int:
        """Epochs that a checkpoint has behind it; 0 without one."""
        if self.checkpoint is None or not self.checkpoint.exists():
            return 0
        manifest = read_manifest(self.checkpoint)
        if manifest.get("key") != self.key or manifest["epoch"] > self.plan.epochs:
            cure = "Delete it to start afresh, or choose another folder."
            raise StoreError(
                Problem(str(self.checkpoint), "a checkpoint of another run", "one of this run", cure)
            )
        return int(manifest["epoch"])

    def phase(self, phase: Phase, done: int) -> None:
        """Train the epochs of a phase that are not done yet, with an optimizer of its own."""
        optimizer = make_optimizer(self.network, self.plan)
        if done > phase.first and self.checkpoint is not None:
            load_checkpoint(self.checkpoint, self.network, optimizer)
        for epoch in range(max(done, phase.first), phase.end):
            started = time.perf_counter()
            loss = self._epoch(epoch, phase, optimizer)
            if self.checkpoint is not None:
                save_checkpoint(
                    self.checkpoint, self.network, optimizer, {"key": self.key, "epoch": epoch + 1}
                )
            if self.on_epoch is not None:
                seconds = time.perf_counter() - started
                self.on_epoch(EpochReport(epoch + 1, self.plan.epochs, loss, seconds))

    def _epoch(self, epoch: int, phase: Phase, optimizer: torch.optim.Optimizer) -> float:
        torch.manual_seed(self.seed * 1_000_003 + epoch)
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(self.samples)
        self.network.train()
        total = 0.0
        for batch in range(self.batches):
            step = (epoch - phase.first) * self.batches + batch
            self._set_learning_rate(optimizer, phase, step)
            if self.before_step is not None:
                before = epoch * self.batches + batch
                self.before_step(self.network, before, self.plan.epochs * self.batches)
            chosen = order[batch * self.plan.batch_size : (batch + 1) * self.plan.batch_size]
            loss = self.loss(self.network(self._frames(chosen, generator)), self._labels(chosen))
            self._refuse_divergence(loss, epoch, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        return total / self.samples

    def _set_learning_rate(self, optimizer: torch.optim.Optimizer, phase: Phase, step: int) -> None:
        steps = (phase.end - phase.first) * self.batches
        factor = learning_rate_factor(step, steps, self.plan.warmup_epochs * self.batches)
        for group in optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * factor

    def _frames(self, chosen: np.ndarray, generator: np.random.Generator) -> Tensor:
        frames = self.data.train_frames[:, chosen]
        if self.plan.max_shift:
            frames = random_shift(frames, self.plan.max_shift, generator)
        if self.plan.max_rotation:
            frames = random_rotation(frames, self.plan.max_rotation, generator)
        return torch.from_numpy(frames).float()

    def _labels(self, chosen: np.ndarray) -> Tensor:
        return torch.from_numpy(self.data.train_labels[chosen])

    def _refuse_divergence(self, loss: Tensor, epoch: int, batch: int) -> None:
        if not torch.isfinite(loss):
            cure = f"Lower training.learning_rate (now {self.plan.learning_rate:g})."
            problem = Problem(
                f"training, epoch {epoch + 1}, step {batch + 1}",
                f"a loss of {loss.item():g}",
                "a finite number",
                cure,
            )
            raise TrainingError(str(problem))


def make_optimizer(network: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """Adam; weights of two or more dimensions decay, scales and batch norms do not."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2 and p.numel() > p.shape[0]]},
        {"params": [p for p in parameters if p.dim() < 2 or p.numel() == p.shape[0]], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay)
