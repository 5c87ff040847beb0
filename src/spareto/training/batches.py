"""The training split, batch by batch: order, augmentation, what is held out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.core.errors import ConfigError, Problem
from spareto.data.augment import (
    random_drop,
    random_flip,
    random_jitter,
    random_mix,
    random_roll,
    random_shift,
    random_warp,
)
from spareto.data.checks import refuse_split
from spareto.data.frames import Frames
from spareto.data.load import FrameData
from spareto.data.paging import has_read
from spareto.records import TrainingPlan
from spareto.running import Samples, labels_of
from spareto.running import device_of as device_of
from spareto.running.samples import tensor_of
from spareto.training.processes import Processes

Indices = npt.NDArray[np.int64]
MOVES = (
    *("max_shift", "max_rotation", "max_scale", "max_shear"),
    *("flip", "max_roll", "max_drop", "max_jitter", "mix"),
)


@dataclass(frozen=True)
class Batch:
    """One process's share of a batch.

    Args:
        frames: Shape `(time, batch, ...)`, or `(batch, ...)`: the layout of the data.
        labels: Shape `(batch,)`.
        samples: Samples of the whole batch.
        others: Labels of what was mixed into each sample, shape `(batch,)`; None where nothing was.
        kept: Share of each sample that is its own.
    """

    frames: Tensor
    labels: Tensor
    samples: int
    others: Tensor | None = None
    kept: float = 1.0


class Batches:
    """The batches of any epoch: what is random in one depends on the seed and the epoch alone.

    Args:
        data: Training frames and labels.
        plan: Batch size, augmentation, share held out.
        seed: Decides what is held out, the order and the augmentation.
        processes: Whose share is drawn.
        device: Where the frames are put.

    Raises:
        DataError: The training split cannot be trained on; see `refuse_split`.
    """

    def __init__(
        self, data: FrameData, plan: TrainingPlan, seed: int, processes: Processes, device: torch.device
    ) -> None:
        data = whole_labels(data)
        axis = 1 if data.layout == "time-first" else 0
        refuse_split(data.train_frames, data.train_labels, "training split", data.info.classes, axis=axis)
        _refuse_augmentation(data, plan)
        self.axis = axis
        self.data, self.plan, self.seed, self.processes, self.device = data, plan, seed, processes, device
        self.held_out = _held_out(data.train_labels, plan.validation_share, seed)
        self.trained_on: Indices = np.setdiff1d(np.arange(len(data.train_labels)), self.held_out)
        self.samples = len(self.trained_on)

    def __len__(self) -> int:
        return steps_per_epoch(len(self.data.train_labels), self.plan)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0."""
        generator = np.random.default_rng([self.seed, epoch])
        order = self.trained_on[generator.permutation(self.samples)]
        for chosen in self._cut(order):
            frames, others, kept = self._augmented(self._taken(chosen), generator), None, 1.0
            share, labels = self.processes.share(len(chosen)), self.data.train_labels[chosen]
            if self.plan.mix:
                frames, partners, kept = random_mix(frames, self.plan.mix, generator)
                others = self._tensor(labels[partners][share]).long()
            mine = frames[:, share] if self.axis else frames[share]
            yield Batch(
                self._tensor(mine).float(), self._tensor(labels[share]).long(), len(chosen), others, kept
            )
            has_read(frames.nbytes)

    def in_order(self, chosen: Indices | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Frames and labels as they are, of the samples trained on or of `chosen`."""
        for some in self._cut(self.trained_on if chosen is None else chosen):
            frames = self._tensor(self._taken(some)).float()
            yield frames, self._tensor(self.data.train_labels[some]).long()
            has_read(frames.nbytes)

    def _cut(self, order: Indices) -> Iterator[Indices]:
        size = self.plan.batch_size
        return (order[first : first + size] for first in range(0, len(order), size))

    def _taken(self, chosen: Indices) -> Frames:
        """The frames of these samples, in the layout of the data."""
        return self.data.train_frames[:, chosen] if self.axis else self.data.train_frames[chosen]

    def _augmented(self, frames: Frames, generator: np.random.Generator) -> Frames:
        if self.plan.max_shift:
            frames = random_shift(frames, self.plan.max_shift, generator)
        if any((self.plan.max_rotation, self.plan.max_scale, self.plan.max_shear)):
            frames = random_warp(
                frames,
                generator,
                rotation=self.plan.max_rotation,
                scale=self.plan.max_scale,
                shear=self.plan.max_shear,
            )
        if self.plan.flip:
            frames = random_flip(frames, generator)
        if self.plan.max_roll:
            frames = random_roll(frames, self.plan.max_roll, generator)
        if self.plan.max_drop:
            frames = random_drop(frames, self.plan.max_drop, generator)
        if self.plan.max_jitter:
            frames = random_jitter(frames, self.plan.max_jitter, generator)
        return frames

    def _tensor(self, array: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def whole_labels(data: FrameData) -> FrameData:
    """The data with training labels that are whole numbers `(samples,)`, whatever type they came in.

    Raises:
        DataError: They are no whole numbers, or of another shape.
    """
    labels = data.train_labels
    if labels.dtype.kind in "iu" and labels.ndim == 1:
        return data
    return replace(data, train_labels=labels_of(labels, "training split: labels"))


def samples_of_split(data: FrameData, split: Literal["train", "validation", "test"] = "train") -> Samples:
    """A split as samples; their frames share memory with it."""
    frames, labels = getattr(data, f"{split}_frames"), getattr(data, f"{split}_labels")
    return Samples(tensor_of(frames), labels_of(labels, f"{split} split: labels"), data.layout)


def _refuse_augmentation(data: FrameData, plan: TrainingPlan) -> None:
    """Refuse moves of frames that are no images over time.

    Raises:
        ConfigError: The plan asks for them.
    """
    asked = [name for name in MOVES if getattr(plan, name)]
    if asked and not (data.layout == "time-first" and data.train_frames.ndim == 5):
        got = f"{', '.join(asked)} for frames of shape {data.train_frames.shape}"
        rule = "frames (time, samples, polarities, height, width)"
        raise ConfigError(Problem("training", got, rule, "Leave them out."))


def steps_per_epoch(samples: int, plan: TrainingPlan) -> int:
    """Optimizer steps of an epoch over so many samples, of which the plan may hold some out."""
    return math.ceil((samples - round(plan.validation_share * samples)) / plan.batch_size)


def _held_out(labels: npt.NDArray[np.int64], share: float, seed: int) -> Indices:
    """A share of the samples, each class in proportion, drawn at random; sorted."""
    count = round(share * len(labels))
    if count == 0:
        return np.empty(0, np.int64)
    drawn = np.random.default_rng([seed, 0, 1]).permutation(len(labels))
    by_class = drawn[np.argsort(labels[drawn], kind="stable")]
    return np.sort(by_class[np.arange(count) * len(labels) // count])
