"""Events to frames, one timestep after the other, as the data sets of Spareto bin them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from spareto.core.errors import DataError, Problem
from spareto.integer.network import IntegerNetwork, Ints, Shape


@dataclass
class Binning:
    """Sorts events into the timesteps of a recording: constant memory, any number of events at a time.

    Args:
        sensor: Channels, height, width.
        timesteps: Equal bins of the duration.
        duration_us: Nominal length of a recording; later events are dropped.
        binary: 1 where a pixel had any event; else how many it had, at most `most`.
        most: Largest count.
    """

    sensor: Shape
    timesteps: int
    duration_us: int
    binary: bool
    most: int

    def __post_init__(self) -> None:
        self._frame = np.zeros(self.sensor, np.uint8)
        self._now = 0
        self._latest = 0

    @classmethod
    def of(cls, network: IntegerNetwork) -> Self:
        """As the package says.

        Raises:
            DataError: It does not say.
        """
        facts: Any = network.facts.get("frames")
        if not isinstance(facts, dict) or not facts.get("duration_us"):
            rule, cure = "how events become frames", "Push frames, or lower with facts={'frames': ...}."
            raise DataError(Problem("package", "nothing", rule, cure))
        binary = bool(facts.get("binary", True))
        sensor, most = network.sensor, network.input_most
        return cls(sensor, int(facts["timesteps"]), int(facts["duration_us"]), binary, most)

    def push(self, x: Ints, y: Ints, p: Ints, t: Ints) -> Iterator[Ints]:
        """Take events; the frames that are complete with them.

        Raises:
            DataError: They lie outside of the sensor, or go back in time.
        """
        x, y, p, t = (np.asarray(each, np.int64) for each in (x, y, p, t))
        self._check(x, y, p, t)
        bins = t * self.timesteps // self.duration_us
        for step in np.unique(bins):
            if step >= self.timesteps:
                break
            yield from self._until(int(step))
            now = bins == step
            self._add(p[now], y[now], x[now])

    def finish(self) -> Iterator[Ints]:
        """The frames that are left."""
        yield from self._until(self.timesteps)

    def _until(self, step: int) -> Iterator[Ints]:
        while self._now < step:
            done, self._frame = self._frame, np.zeros(self.sensor, np.uint8)
            self._now += 1
            yield done

    def _add(self, p: Ints, y: Ints, x: Ints) -> None:
        if self.binary:
            self._frame[p, y, x] = 1
            return
        flat = np.ravel_multi_index((p, y, x), self.sensor)
        counts = np.bincount(flat, minlength=self._frame.size).reshape(self.sensor)
        self._frame[...] = np.minimum(self._frame + counts, self.most)

    def _check(self, x: Ints, y: Ints, p: Ints, t: Ints) -> None:
        channels, height, width = self.sensor
        inside = all(
            len(each) == 0 or (each.min() >= 0 and each.max() < most)
            for each, most in ((x, width), (y, height), (p, channels))
        )
        if not inside or not len(x) == len(y) == len(p) == len(t):
            rule = f"columns below {width}, rows below {height}, channels below {channels}, as many of each"
            raise DataError(Problem("events", "others", rule, "Check the sensor."))
        if len(t) and (np.any(np.diff(t) < 0) or t[0] < self._latest):
            rule, cure = "events sorted by time, not before those pushed already", "Sort them."
            raise DataError(Problem("events", "an event that goes back in time", rule, cure))
        if len(t):
            self._latest = int(t[-1])
