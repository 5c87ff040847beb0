"""From events to frames: what a network sees, one frame a timestep."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spareto.core.errors import InputError, Problem
from spareto.core.memory import require
from spareto.core.text import shown
from spareto.data._base import DatasetInfo, Frames, Images, Recordings, SplitName

CHUNK = 64
"""Recordings binned at once; bounds the memory of the temporary arrays."""


def frames(recordings: Recordings, info: DatasetInfo, timesteps: int, *, binary: bool = True) -> Frames:
    """Sort events into equal time bins over `info.duration_us`; later events are dropped.

    Args:
        recordings: The events.
        info: Sensor and duration.
        timesteps: Number of bins, T.
        binary: 1 where a pixel had any event in the bin; else the number of events, at most 255.

    Returns:
        Array of shape (time, recordings, polarities, height, width).

    Raises:
        InputError: There is no timestep.
    """
    if timesteps < 1:
        raise InputError(Problem("data.timesteps", str(timesteps), "an integer of at least 1"))
    whole = (timesteps, len(recordings), *info.sensor)
    cure = "Use fewer timesteps or recordings, or a smaller sensor."
    require(math.prod(whole), "data", f"frames of shape {shown(whole)}", cure)
    result = np.zeros(whole, np.uint8)
    for start in range(0, len(recordings), CHUNK):
        stop = min(start + CHUNK, len(recordings))
        shape = (timesteps, stop - start, *info.sensor)
        cells = _cells(recordings, start, stop, shape, info.duration_us)
        result[:, start:stop] = _fill(cells, shape, binary)
    return result


def frames_of(
    part: Recordings | Images, split: SplitName, info: DatasetInfo, timesteps: int, *, binary: bool = True
) -> Frames:
    """Frames of one split, events or images; (1, samples, ...) where one frame holds at every timestep.

    Raises:
        InputError: There is no timestep.
    """
    if isinstance(part, Recordings):
        return frames(part, info, timesteps, binary=binary)
    if timesteps < 1:
        raise InputError(Problem("data.timesteps", str(timesteps), "an integer of at least 1"))
    return part.encoder.encode(part.pixels, timesteps, split)


def held(compact: Frames, timesteps: int) -> Frames:
    """All timesteps of frames of which one may hold for all; such a frame is in memory once."""
    if len(compact) == timesteps:
        return compact
    return np.lib.stride_tricks.as_strided(
        compact[0], (timesteps, *compact.shape[1:]), (0, *compact.strides[1:])
    )


def _cells(
    recordings: Recordings, start: int, stop: int, shape: tuple[int, ...], duration_us: int
) -> npt.NDArray[np.int64]:
    """Flat index into `shape` of each event of recordings start..stop that falls inside the duration."""
    offsets = recordings.offsets[start : stop + 1]
    events = slice(offsets[0], offsets[-1])
    recording = np.repeat(np.arange(stop - start), np.diff(offsets))
    times = recordings.t_us[events].astype(np.int64)
    kept = times < duration_us  # before they are multiplied: a later one might not fit 64 bits
    timestep = times[kept] * shape[0] // duration_us
    axes = (timestep, *(axis[kept] for axis in (recording, *_pixels(recordings, events))))
    return np.ravel_multi_index(axes, shape).astype(np.int64)


def _pixels(recordings: Recordings, events: slice) -> Iterator[npt.NDArray[np.integer]]:
    for axis in (recordings.polarity, recordings.y, recordings.x):
        yield axis[events].astype(np.int64)


def _fill(cells: npt.NDArray[np.int64], shape: tuple[int, ...], binary: bool) -> Frames:
    size = int(np.prod(shape))
    if binary:
        filled = np.zeros(size, np.uint8)
        filled[cells] = 1
    else:
        filled = np.minimum(np.bincount(cells, minlength=size), 255).astype(np.uint8)
    return filled.reshape(shape)
