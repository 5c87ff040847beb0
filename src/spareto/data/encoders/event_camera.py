"""A simulated event camera: what its pixels emit while they watch a changing scene.

State of one pixel: the number n of thresholds its log intensity L has moved since the start (n rises at an ON
crossing and falls at an OFF crossing), and the time of its last event. With contrast threshold C, a pixel
crosses whenever |L(t) - (L(0) + n C)| reaches C (Lichtsteiner et al. 2008). Between two samples of the scene
L is a straight line in time, so one step may hold several crossings, each at its own instant (ESIM, Rebecq et
al. 2018). A crossing within the refractory period of the last event is counted in n, and no event is sent.
Thresholds differ from pixel to pixel (Gaussian) and are the same for both polarities of a pixel. Not
modelled: the photoreceptor's low-pass, noise events and leak events.

Reference:
    lichtsteiner2008 (pixel); rebecq2018 (linear interpolation in time, refractory period, mismatch).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spareto.core.bounds import MOST_STORED, Seed
from spareto.core.config import Record, Rule
from spareto.data._base import Recordings

Positive = Annotated[float, Field(gt=0, le=1e9), Rule("a number above 0, at most 1e9")]
Microseconds = Annotated[
    int, Field(ge=0, le=MOST_STORED, strict=True), Rule("a whole number of microseconds, 0 or more")
]
Deviation = Annotated[float, Field(ge=0, le=0.3), Rule("a relative standard deviation from 0 to 0.3")]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Sample = tuple[float, Floats]
"""A time in microseconds, and the log intensity of every pixel then, shape (recordings, height, width)."""

TOLERANCE = 1e-6
"""Share of a threshold by which rounding may miss a crossing that lies exactly on a sample."""
SMALLEST = 0.1
"""No pixel's threshold falls below this share of the nominal one."""


class EventCamera(Record):
    """The sensor.

    Args:
        threshold: Contrast threshold C, in natural-log units of intensity.
        refractory_us: For so long after an event a pixel sends no other, microseconds.
        mismatch: Standard deviation of the thresholds over the pixels, relative to C.
        seed: Draws the thresholds; the same seed is the same camera.
    """

    threshold: Positive = 0.4
    refractory_us: Microseconds = 0
    mismatch: Deviation = 0.0
    seed: Seed = 0

    def thresholds(self, height: int, width: int) -> Floats:
        """The threshold of each pixel, shape (height, width)."""
        spread = np.random.default_rng(self.seed).standard_normal((height, width))
        return self.threshold * np.maximum(1.0 + self.mismatch * spread, SMALLEST)

    def watch(self, samples: Iterable[Sample], labels: npt.ArrayLike) -> Recordings:
        """Record a scene given as samples in rising time, the first at time 0.

        Args:
            samples: The scene; at least one sample.
            labels: Class of each recording.
        """
        stream = iter(samples)
        time_us, scene = next(stream)
        pixels = _Pixels.at_rest(scene, self.thresholds(*scene.shape[1:]), self.refractory_us)
        batches = [_Batch.empty()]
        for next_us, next_scene in stream:
            batches.extend(pixels.follow(time_us, scene, next_us, next_scene))
            time_us, scene = next_us, next_scene
        return _assemble(batches, scene.shape, np.asarray(labels, dtype=np.int64))


@dataclass(frozen=True)
class _Batch:
    """Events of different pixels, in no order."""

    pixel: Indices
    rising: npt.NDArray[np.bool_]
    t_us: Floats

    @classmethod
    def empty(cls) -> _Batch:
        return cls(np.empty(0, np.intp), np.empty(0, np.bool_), np.empty(0))


@dataclass
class _Pixels:
    """State of all pixels of all recordings, flat."""

    start: Floats
    threshold: Floats
    crossed: npt.NDArray[np.int64]
    last_us: Floats
    refractory_us: float

    @classmethod
    def at_rest(cls, scene: Floats, thresholds: Floats, refractory_us: float) -> _Pixels:
        start = scene.ravel().copy()
        return cls(
            start=start,
            threshold=np.broadcast_to(thresholds, scene.shape).ravel(),
            crossed=np.zeros(start.size, np.int64),
            last_us=np.full(start.size, -np.inf),
            refractory_us=refractory_us,
        )

    def follow(self, from_us: float, before: Floats, to_us: float, after: Floats) -> Iterator[_Batch]:
        """Move from one sample to the next; yields the first crossing of each pixel, then the second, ..."""
        before, after = before.ravel(), after.ravel()
        distance = (after - self.start) / self.threshold - self.crossed
        crossings = np.floor(np.abs(distance) + TOLERANCE).astype(np.int64)
        pixel = np.flatnonzero(crossings)
        k = 0
        while pixel.size:
            k += 1
            rising = distance[pixel] > 0
            self.crossed[pixel] += np.where(rising, 1, -1)
            level = self.start[pixel] + self.crossed[pixel] * self.threshold[pixel]
            share = _share_of_way(level, before[pixel], after[pixel])
            yield self._emit(_Batch(pixel, rising, from_us + share * (to_us - from_us)))
            pixel = pixel[crossings[pixel] > k]

    def _emit(self, crossing: _Batch) -> _Batch:
        rested = crossing.t_us - self.last_us[crossing.pixel] >= self.refractory_us
        sent = _Batch(crossing.pixel[rested], crossing.rising[rested], crossing.t_us[rested])
        self.last_us[sent.pixel] = sent.t_us
        return sent


def _share_of_way(level: Floats, before: Floats, after: Floats) -> Floats:
    way = after - before
    return np.clip((level - before) / np.where(way == 0, 1.0, way), 0.0, 1.0)


def _assemble(batches: list[_Batch], shape: tuple[int, ...], labels: npt.NDArray[np.int64]) -> Recordings:
    pixel = np.concatenate([batch.pixel for batch in batches])
    t_us = np.concatenate([batch.t_us for batch in batches]).astype(np.uint32)
    rising = np.concatenate([batch.rising for batch in batches])
    recordings, _, width = shape
    recording, place = np.divmod(pixel, shape[1] * width)
    order = np.argsort(recording * (t_us.max(initial=0) + np.int64(1)) + t_us, kind="stable")
    counts = np.bincount(recording, minlength=recordings)
    return Recordings(
        x=(place % width)[order].astype(np.uint16),
        y=(place // width)[order].astype(np.uint16),
        polarity=rising[order].astype(np.uint8),
        t_us=t_us[order],
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        labels=labels,
    )
