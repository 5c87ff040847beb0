"""From a user's event recordings to frames: everything is checked, and what is dropped is told."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spareto.core.artifacts import fingerprint, write_text
from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo, Frames, Recordings
from spareto.data.bins import Bins
from spareto.data.cache import PART_BYTES, cache_folder
from spareto.data.frames import frames
from spareto.data.mapped import FRAMES_IN_MEMORY, Labels, filled, map_frames, write_frames
from spareto.data.own.clock import Clock, clock_of
from spareto.data.own.events import Events, Facts, sensor_of, told_sensor
from spareto.data.own.filed import PART_EVENTS, FiledEvents, Recorded
from spareto.data.own.saying import several, share
from spareto.records.data import OwnData

Sensor = tuple[int, int, int]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Binner:
    """Turns recordings of one data set into frames, all in the same way.

    Args:
        sensor: Polarities, height and width.
        bins: How events become frames.
        binary: Frames of 0 and 1, else counts.
        clock: What times mean.
        notes: What was found and dropped, one sentence each.
    """

    sensor: Sensor
    bins: Bins
    binary: bool
    clock: Clock
    signed: bool

    @classmethod
    def of(cls, recordings: Sequence[Recorded], plan: OwnData, sensor: Sensor | None) -> Binner:
        """What holds for all recordings of a data set.

        Args:
            recordings: All of them, both splits.
            plan: What the user says of them.
            sensor: What the data set says of its sensor, if it does.

        Raises:
            DataError: Sensor, timesteps or the unit of time are missing, or polarities are mixed.
        """
        asked = plan.sensor or sensor or told_sensor(each.facts for each in recordings)
        faults: list[Problem] = []
        if plan.timesteps is None:
            rule, cure = "a number of bins for the events", "Write data.timesteps: 10."
            faults.append(Problem("data.timesteps", "nothing", rule, cure))
        if asked is None:
            seen = sensor_of(each.facts for each in recordings)
            cure = f"The events need at least: data.sensor: {list(seen)}."
            faults.append(Problem("data.sensor", "nothing", "[polarities, height, width]", cure))
        if faults or asked is None or plan.timesteps is None:
            raise DataError(faults)
        signed = any(events.facts.p is not None and events.facts.p[0] < 0 for events in recordings)
        problems = [
            problem for events in recordings for problem in _misfits(events, asked, plan.outside, signed)
        ]
        if problems:
            raise DataError(several(problems))
        return cls(
            asked,
            Bins(plan.timesteps, plan.bins, plan.bin_size),
            plan.binary,
            clock_of(recordings, plan),
            signed,
        )

    def frames(self, recordings: Sequence[Recorded], first: int, name: str) -> tuple[Frames, tuple[str, ...]]:
        """Frames of some recordings, and a sentence for what was dropped.

        Recordings in files are read a few at a time; if their frames take more than `FRAMES_IN_MEMORY` bytes,
        those are mapped from a file in the cache.

        Args:
            recordings: Some of those the binner was made of, in their order.
            first: Place of the first of them among all.
            name: What they are called, in sentences: `training split`.

        Raises:
            DataError: Nothing is left of a recording.
            StoreError: Frames that do not fit into memory cannot be written to the cache.
        """
        shape = (self.bins.timesteps, len(recordings), *self.sensor)
        filed = [each for each in recordings if isinstance(each, FiledEvents)]
        if len(filed) < len(recordings) or math.prod(shape) <= FRAMES_IN_MEMORY:
            dropped = Dropped()
            made = filled(shape, (some for some, _ in self._made(recordings, first, dropped)))
            return made, dropped.told(name)
        key = fingerprint([repr(self), name, [each.stamp for each in filed]])
        return self._mapped(cache_folder(None) / f"own-{key}.npy", shape, recordings, first, name)

    def _mapped(
        self, path: Path, shape: tuple[int, ...], recordings: Sequence[Recorded], first: int, name: str
    ) -> tuple[Frames, tuple[str, ...]]:
        """Frames that lie in a file, written if it is not there; what was dropped stands beside it."""
        beside = path.with_suffix(".json")
        notes = _kept(path, beside)
        if notes is None:
            dropped = Dropped()
            write_frames(path, shape, self._made(recordings, first, dropped))
            notes = dropped.told(name)
            write_text(beside, json.dumps({"size": path.stat().st_size, "notes": notes}))
        return map_frames(path), notes

    def _made(
        self, recordings: Sequence[Recorded], first: int, dropped: Dropped
    ) -> Iterator[tuple[Frames, Labels]]:
        """Frames of the recordings, so many at a time; faults are told behind the last one, all together."""
        empty: list[Problem] = []
        some: list[_Part] = []
        few = max(1, PART_BYTES // (self.bins.timesteps * math.prod(self.sensor)))
        for place, recorded in enumerate(recordings):
            part = self._part(first + place, recorded.read())
            inside = part.take(~part.outside)
            late = int((inside.t >= self.clock.duration_us).sum())
            dropped.count(len(part.t), len(part.t) - len(inside.t), late)
            if len(inside.t) == late:
                got = "no event inside sensor and duration"
                empty.append(Problem(recorded.where, got, "at least one", "Delete the file."))
            full = len(some) == few or sum(len(each.t) for each in some) + len(inside.t) > PART_EVENTS
            if some and full:
                yield self._binned(some), np.zeros(len(some), np.int64)
                some = []
            some.append(inside)
        if empty:
            raise DataError(several(empty))
        yield self._binned(some), np.zeros(len(some), np.int64)

    def _binned(self, parts: Sequence[_Part]) -> Frames:
        info = DatasetInfo(1, self.sensor, self.clock.duration_us, licence="", source="")
        return frames(self._joined(parts), info, self.bins, binary=self.binary)

    def _part(self, place: int, events: Events) -> _Part:
        zeros = np.zeros(len(events), np.int64)
        y = zeros if events.y is None else events.y
        p = zeros if events.p is None else events.p
        if self.signed:
            p = (p > 0).astype(np.int64)
        return _Part(events.x, y, p, self.clock.microseconds(place, events), _outside(events, self.sensor))

    def _joined(self, parts: Sequence[_Part]) -> Recordings:
        offsets = np.cumsum([0, *(len(part.t) for part in parts)]).astype(np.int64)
        x, y, p, t = (np.concatenate([getattr(part, axis) for part in parts]) for axis in "xypt")
        return Recordings(x, y, p, t, offsets, np.zeros(len(parts), np.int64))


@dataclass(frozen=True)
class _Part:
    """One recording's events in our units, and which lie outside the sensor."""

    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    p: npt.NDArray[np.int64]
    t: npt.NDArray[np.int64]
    outside: Bools

    def take(self, chosen: Bools) -> _Part:
        return _Part(*(getattr(self, field)[chosen] for field in ("x", "y", "p", "t", "outside")))


def _outside(events: Events, sensor: Sensor) -> Bools:
    _, height, width = sensor
    outside = (events.x < 0) | (events.x >= width)
    return outside if events.y is None else outside | (events.y < 0) | (events.y >= height)


def _misfits(recorded: Recorded, sensor: Sensor, outside: str, signed: bool) -> Iterator[Problem]:
    polarities, height, width = sensor
    facts = recorded.facts
    rows = facts.y or (0, 0)
    if facts.size is not None and outside == "refuse" and not _on(facts.size, facts):
        got = f"events up to x = {facts.x[1]}, y = {rows[1]}"
        rule = f"the {facts.size[1]} x {facts.size[0]} pixels that its header says"
        cure = "Copy it again, or write data.outside: drop, with data.sensor."
        yield Problem(recorded.where, got, rule, cure)
        return
    inside = facts.x[0] >= 0 and facts.x[1] < width and rows[0] >= 0 and rows[1] < height
    named = (facts.y or height == 1) and (facts.p or polarities == 1)
    if named and (inside or outside != "refuse") and _fits(facts.p, polarities, signed):
        return
    events = recorded.read()
    for axis, values, sides in (("y", events.y, height), ("p", events.p, polarities)):
        if values is None and sides > 1:
            cure = f"Add the array {axis}, or set data.sensor."
            yield Problem(f"{events.where}: {axis}", "nothing", f"values from 0 to {sides - 1}", cure)
    if events.p is not None:
        yield from _wrong_polarity(events, events.p, polarities, signed)
    if outside == "refuse" and _outside(events, sensor).any():
        yield from _wrong_pixels(events, sensor)


def _on(size: tuple[int, int], facts: Facts) -> bool:
    """Whether no event lies beyond a sensor of that height and width."""
    return facts.x[1] < size[1] and (facts.y is None or facts.y[1] < size[0])


def _fits(p: tuple[int, int, int] | None, polarities: int, signed: bool) -> bool:
    """Whether all polarities of a recording are among those allowed; see `_wrong_polarity`."""
    if p is None:
        return True
    low, high, distinct = p
    if signed:
        return polarities > 1 and {low, high} <= {-1, 1} and distinct <= 2
    return low >= 0 and high < polarities


def _wrong_polarity(
    events: Events, p: npt.NDArray[np.int64], polarities: int, signed: bool
) -> Iterator[Problem]:
    allowed = (-1, 1) if signed else tuple(range(polarities))
    wrong = ~np.isin(p, allowed)
    if wrong.any():
        rule = "-1 and 1 in every file" if signed else " or ".join(map(str, allowed))
        got = f"{p[wrong][0]} ({share(int(wrong.sum()), len(p))} of its events are so)"
        cure = "Write polarities as 0 and 1, or as -1 and 1"
        cure += ", or set data.sensor: [2, ...]." if polarities == 1 and not signed else "."
        yield Problem(f"{events.where}: p", got, rule, cure)
    elif signed and polarities == 1:
        cure = "Write data.sensor: [2, height, width]."
        yield Problem(f"{events.where}: p", "polarities -1 and 1", "one polarity", cure)


def _wrong_pixels(events: Events, sensor: Sensor) -> Iterator[Problem]:
    _, height, width = sensor
    y = np.zeros(1, np.int64) if events.y is None else events.y
    sides = {"x": (events.x, width), "y": (y, height)}
    swapped = events.x.max() < height and y.max() < width and events.x.min() >= 0 <= y.min()
    for axis, (values, side) in sides.items():
        wrong = (values < 0) | (values >= side)
        if wrong.any():
            got = f"{values.min()} to {values.max()} ({share(int(wrong.sum()), len(events))} outside)"
            cure = "Set data.sensor: [polarities, height, width], or write data.outside: drop."
            if swapped:
                cure = f"x and y may be swapped. {cure}"
            yield Problem(f"{events.where}: {axis}", got, f"values from 0 to {side - 1}", cure)


def _kept(path: Path, beside: Path) -> tuple[str, ...] | None:
    """What was said of frames that were written before; None if they are not there, or cut off."""
    try:
        told = json.loads(beside.read_text("utf-8"))
        return tuple(map(str, told["notes"])) if path.stat().st_size == told["size"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass
class Dropped:
    """How many events of a split were left out, and why."""

    total: int = 0
    outside: int = 0
    late: int = 0

    def count(self, total: int, outside: int, late: int) -> None:
        """Add those of one recording."""
        self.total, self.outside, self.late = self.total + total, self.outside + outside, self.late + late

    def told(self, name: str) -> tuple[str, ...]:
        """One sentence for each reason that there was."""
        why = {"outside the sensor": self.outside, "after duration_us": self.late}
        return tuple(
            f"{name}: {share(count, self.total)} of the events are {reason} and dropped."
            for reason, count in why.items()
            if count
        )
