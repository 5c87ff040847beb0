"""From events to frames: what a network sees, one frame per timestep."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spareto.core.errors import ConfigError, Problem
from spareto.core.memory import require
from spareto.core.text import shown
from spareto.data._base import DatasetInfo, Frames, Images, Recordings, SplitName
from spareto.data.bins import Bins

CHUNK = 1 << 15
"""Events binned at once: their cells stay in the cache."""


def frames(recordings: Recordings, info: DatasetInfo, bins: Bins | int, *, binary: bool = True) -> Frames:
    """Sort events into the bins of their recording; what lies behind the last bin is dropped.

    Args:
        recordings: The events; those of a recording that are not in order of time are sorted.
        info: Sensor and nominal duration.
        bins: How events become frames; a number of timesteps is that many bins of equal time.
        binary: 1 where a pixel had any event in the bin; else the number of events, at most 255.

    Returns:
        Array of shape (time, recordings, polarities, height, width).

    Raises:
        InputError: There is no timestep.
    """
    bins = Bins(bins) if isinstance(bins, int) else bins
    whole = (bins.timesteps, len(recordings), *info.sensor)
    cure = "Use fewer timesteps or recordings, or a smaller sensor."
    require(math.prod(whole), "data", f"frames of shape {shown(whole)}", cure)
    result = np.zeros(whole, np.uint8)
    filled = np.zeros((bins.timesteps, math.prod(info.sensor)), np.uint8)
    fill = _mark if binary else _count
    for number, events in enumerate(pairwise(recordings.offsets.tolist())):
        times, pixels = _in_order(recordings, slice(*events), info)
        cuts = bins.cuts(times, info.duration_us).tolist()
        filled[:] = 0
        for frame, (start, stop) in zip(filled, pairwise(cuts), strict=True):
            for first in range(start, stop, CHUNK):
                fill(frame, pixels(slice(first, min(first + CHUNK, stop))))
        result[:, number] = filled.reshape(bins.timesteps, *info.sensor)
    return result


def frames_of(
    part: Recordings | Images, split: SplitName, info: DatasetInfo, bins: Bins | int, *, binary: bool = True
) -> Frames:
    """Frames of one split, events or images; (1, samples, ...) where one frame holds at every timestep.

    Raises:
        InputError: There is no timestep.
    """
    bins = Bins(bins) if isinstance(bins, int) else bins
    if isinstance(part, Recordings):
        return frames(part, info, bins, binary=binary)
    if bins != Bins(bins.timesteps):
        rule, cure = (
            "bins of equal time, for still images have no events",
            "Leave data.bins and bin_size out.",
        )
        raise ConfigError(Problem("data.bins", f"bins of {bins.by}", rule, cure))
    return part.encoder.encode(part.pixels, bins.timesteps, split)


def held(compact: Frames, timesteps: int) -> Frames:
    """All timesteps of frames of which one may hold for all; such a frame is in memory once."""
    if len(compact) == timesteps:
        return compact
    return np.lib.stride_tricks.as_strided(
        compact[0], (timesteps, *compact.shape[1:]), (0, *compact.strides[1:])
    )


Cells = npt.NDArray[np.int64]


def _in_order(
    recordings: Recordings, events: slice, info: DatasetInfo
) -> tuple[npt.NDArray[np.integer], Callable[[slice], Cells]]:
    """Times of a recording's events in order, and what gives the flat pixels of some of them."""
    _, height, width = info.sensor
    times, x, y, p = (
        each[events] for each in (recordings.t_us, recordings.x, recordings.y, recordings.polarity)
    )
    if len(times) and (times[1:] < times[:-1]).any():
        order = np.argsort(times, kind="stable")
        times, x, y, p = times[order], x[order], y[order], p[order]

    def pixels(some: slice) -> Cells:
        cells = p[some].astype(np.int64)
        cells *= height
        cells += y[some].astype(np.int64, copy=False)
        cells *= width
        cells += x[some].astype(np.int64, copy=False)
        return cells

    return times, pixels


def _mark(frame: Frames, cells: Cells) -> None:
    frame[cells] = 1


def _count(frame: Frames, cells: Cells) -> None:
    counted = np.bincount(cells, minlength=len(frame))
    np.minimum(counted + frame, 255, out=frame, casting="unsafe")
