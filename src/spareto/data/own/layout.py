"""Which axis is time: frames become time first where that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from spareto.core.errors import DataError, Problem
from spareto.data.frames import held
from spareto.data.mapped import in_steps, lies_in_file, room_for
from spareto.data.own.arrays import Array
from spareto.data.own.splits import Split
from spareto.records.data import OwnData

CURE = "Write data.layout: time-first, batch-first or static."


Layout: TypeAlias = Literal["time-first", "static"] | None


@dataclass(frozen=True)
class Laid:
    """Frames of one layout.

    Args:
        frames: Shape `(T, N, ...)` if time-first, `(1, N, ...)` where one frame holds at every timestep; else
            `(N, ...)`.
        layout: `time-first`; `static` without time; None where the network has to tell whether time follows
            the samples.
        timesteps: T; None unless time-first.
    """

    frames: Array
    layout: Layout
    timesteps: int | None = None

    def view(self) -> Array:
        """All timesteps; a frame that holds at every one is in memory once."""
        return self.frames if self.timesteps is None else held(self.frames, self.timesteps)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of a sample at one timestep, if time is known."""
        return self.frames.shape[2:] if self.layout == "time-first" else self.frames.shape[1:]


def laid_out(split: Split, plan: OwnData) -> Laid:
    """Frames of a split with time first, if they have time.

    Raises:
        DataError: Frames and labels are not as many; or shapes do not tell which axis is that of the samples.
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
    has_time = _has_time(frames.shape[1:], plan)
    if has_time:
        return _over_time(_turned(frames), split, plan)
    if has_time is not None and plan.timesteps is not None:
        return Laid(frames[None], "time-first", plan.timesteps)
    return Laid(frames, None if has_time is None else "static")


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


def _has_time(item: Sequence[int], plan: OwnData) -> bool | None:
    """Whether a sample of this shape begins with time; None where only the network can tell."""
    if plan.layout is not None:
        return plan.layout != "static"
    if len(item) in (1, 4):
        return len(item) == 4
    steps = plan.timesteps
    could_be_channels = len(item) == 3 and 2 <= item[0] <= 4
    if steps is None or (steps == item[0] and could_be_channels):
        return None
    return steps == item[0]


def _turned(frames: Array) -> Array:
    """Frames `(N, T, ...)` with time first; those of a file lie in a file again."""
    if not lies_in_file(frames):
        return np.ascontiguousarray(np.moveaxis(frames, 1, 0))
    made = room_for((frames.shape[1], len(frames), *frames.shape[2:]), frames.dtype)
    for some in in_steps(len(frames), frames.nbytes):
        made[:, some] = np.moveaxis(frames[some], 1, 0)
    return made


def _over_time(frames: Array, split: Split, plan: OwnData) -> Laid:
    _refuse_counts(frames.shape[1], split)
    if plan.timesteps is not None and plan.timesteps != len(frames):
        cure = "Leave data.timesteps out, or make frames of that many."
        got, rule = f"{len(frames)} timesteps", f"{plan.timesteps}, as data.timesteps says"
        raise DataError(Problem(f"{split.name}: frames", got, rule, cure))
    return Laid(frames, "time-first", len(frames))


def _refuse_counts(samples: int, split: Split) -> None:
    if split.labels is not None and samples != len(split.labels):
        got, rule = f"{samples} samples", f"{len(split.labels)}, one a label"
        raise DataError(Problem(f"{split.name}: frames", got, rule, "Check the axes, or write data.layout."))
