"""Which axis is time: frames of any layout become time first, or stay without time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spareto.core.errors import DataError, Problem
from spareto.data.frames import held
from spareto.data.own.arrays import Array
from spareto.data.own.splits import Split
from spareto.records.data import OwnData

CURE = "Write data.layout: time-first, batch-first or static."


@dataclass(frozen=True)
class Laid:
    """Frames with time first.

    Args:
        frames: Shape `(T, N, ...)`, or `(1, N, ...)` of still images.
        timesteps: T; None for still images whose network makes its own time.
    """

    frames: Array
    timesteps: int | None

    @property
    def static(self) -> bool:
        """Whether there is no time in them."""
        return self.timesteps is None

    def view(self) -> Array:
        """All timesteps; a still image is in memory once."""
        return held(self.frames, self.timesteps or 1)


def laid_out(split: Split, plan: OwnData) -> Laid:
    """Frames of a split with time first.

    Raises:
        DataError: Frames and labels are not as many; or shapes do not tell which axis is time.
    """
    frames = split.samples
    assert isinstance(frames, np.ndarray)
    if frames.ndim < 2 or frames.size == 0:
        cure = "Give frames of at least one number a sample."
        raise DataError(
            Problem(f"{split.name}: frames", f"shape {frames.shape}", "samples and numbers", cure)
        )
    if not split.sample_first and _time_first(frames, split, plan):
        return _over_time(frames, split, plan)
    _refuse_counts(frames.shape[0], split)
    if _has_time(frames.shape[1:], split, plan):
        return _over_time(np.ascontiguousarray(np.moveaxis(frames, 1, 0)), split, plan)
    return Laid(frames[None], plan.timesteps)


def _time_first(frames: Array, split: Split, plan: OwnData) -> bool:
    """Whether an array that may be either way round begins with time."""
    if plan.layout is not None:
        return plan.layout == "time-first"
    count = None if split.labels is None else len(split.labels)
    first, second = frames.shape[:2]
    if count is None or (first == count == second):
        got = f"shape {frames.shape}" + ("" if count is None else f" for {count} labels")
        raise DataError(Problem(f"{split.name}: frames", got, "samples on one axis alone", CURE))
    return second == count and first != count


def _has_time(item: Sequence[int], split: Split, plan: OwnData) -> bool:
    """Whether a sample of this shape begins with time."""
    if plan.layout is not None:
        return plan.layout != "static"
    if len(item) == 1:
        return False
    if len(item) > 3:
        return True
    steps = plan.timesteps
    could_be_either = len(item) == 3 and steps == item[0] and 2 <= item[0] <= 4
    if steps is None or could_be_either:
        got = f"samples of shape {tuple(item)}"
        cure = f"Write data.layout: batch-first if its {item[0]} are timesteps, or data.layout: static."
        raise DataError(
            Problem(f"{split.name}: frames", got, "a shape that tells whether time is in it", cure)
        )
    return item[0] == steps


def _over_time(frames: Array, split: Split, plan: OwnData) -> Laid:
    _refuse_counts(frames.shape[1], split)
    if plan.timesteps is not None and plan.timesteps != len(frames):
        cure = "Leave data.timesteps out, or make frames of that many."
        got, rule = f"{len(frames)} timesteps", f"{plan.timesteps}, as data.timesteps says"
        raise DataError(Problem(f"{split.name}: frames", got, rule, cure))
    return Laid(frames, len(frames))


def _refuse_counts(samples: int, split: Split) -> None:
    if split.labels is not None and samples != len(split.labels):
        got, rule = f"{samples} samples", f"{len(split.labels)}, one a label"
        raise DataError(Problem(f"{split.name}: frames", got, rule, "Check the axes, or write data.layout."))
