"""What must hold of any recordings, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo, Recordings


def problems_of(recordings: Recordings, info: DatasetInfo, where: str, cure: str = "") -> tuple[Problem, ...]:
    """Every rule of `Recordings` and `info` that these recordings break.

    Args:
        recordings: The recordings to look at.
        info: What they should fit.
        where: The file they come from, for the messages.
        cure: What to do about it.
    """
    found = [*_offset_faults(recordings)] or [*_value_faults(recordings, info)]
    return tuple(Problem(f"{where}: {array}", got, rule, cure) for array, got, rule in found)


def refuse_split(
    frames: npt.NDArray[np.generic],
    labels: npt.NDArray[np.generic],
    where: str,
    classes: int | None = None,
    axis: int = 1,
) -> None:
    """Refuse a split that no network can be trained or measured on.

    Args:
        frames: Shape `(time, samples, ...)`.
        labels: Shape `(samples,)`.
        where: What the split is called in messages.
        classes: Labels must lie below it; None does not look.
        axis: The axis of the samples.

    Raises:
        DataError: There is no sample, frames and labels are not as many, a label is no class, or a frame is
            not finite.
    """
    found = next(_split_faults(frames, labels, classes, axis), None)
    if found is not None:
        array, got, rule = found
        raise DataError(Problem(f"{where}: {array}", got, rule, "Check the data."))


def _split_faults(
    frames: npt.NDArray[np.generic], labels: npt.NDArray[np.generic], classes: int | None, axis: int
) -> Iterator[tuple[str, str, str]]:
    if len(labels) == 0:
        yield "labels", "no sample", "at least one"
    samples = frames.shape[axis] if frames.ndim > axis else 0
    if labels.shape != (samples,):
        yield "labels", f"shape {labels.shape} for {samples} samples", f"shape ({samples},), one a sample"
    if labels.dtype.kind not in "iu":
        yield "labels", f"numbers of type {labels.dtype}", "integers"
    if classes is not None and not 0 <= labels.min() <= labels.max() < classes:
        yield "labels", f"{labels.min()} to {labels.max()}", f"values from 0 to {classes - 1}"
    if frames.dtype.kind == "f" and not all(np.isfinite(frame).all() for frame in frames):
        yield "frames", "nan or infinity", "finite numbers"


def _offset_faults(recordings: Recordings) -> Iterator[tuple[str, str, str]]:
    events, offsets = len(recordings.x), recordings.offsets
    for name in ("y", "polarity", "t_us"):
        length = len(getattr(recordings, name))
        if length != events:
            yield name, f"{length} values", f"{events}, as many as x"
    if len(offsets) != len(recordings) + 1:
        yield "offsets", f"{len(offsets)} values", f"{len(recordings) + 1}, one more than labels"
    elif offsets[0] != 0 or offsets[-1] != events or np.any(np.diff(offsets) < 0):
        yield "offsets", f"{offsets[0]} to {offsets[-1]}", f"values rising from 0 to {events}"


def _value_faults(recordings: Recordings, info: DatasetInfo) -> Iterator[tuple[str, str, str]]:
    polarities, height, width = info.sensor
    limits = {
        "x": (recordings.x, width),
        "y": (recordings.y, height),
        "polarity": (recordings.polarity, polarities),
        "label": (recordings.labels, info.classes),
    }
    for name, (values, limit) in limits.items():
        if len(values) and not 0 <= values.min() <= values.max() < limit:
            yield name, f"{values.min()} to {values.max()}", f"values from 0 to {limit - 1}"
    if _runs_back(recordings.t_us, recordings.offsets):
        yield "t_us", "a time before its predecessor's", "times that rise within a recording, from 0"


def _runs_back(t_us: npt.NDArray[np.integer], offsets: npt.NDArray[np.int64]) -> bool:
    if not len(t_us):
        return False
    backwards = t_us[1:] < t_us[:-1]
    inner = offsets[(offsets > 0) & (offsets < len(t_us))]
    backwards[inner - 1] = False
    return bool(t_us.min() < 0 or backwards.any())
