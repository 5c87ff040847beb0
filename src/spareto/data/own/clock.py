"""When events happened: any unit, from any origin, becomes microseconds since the recording began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spareto.core.amounts import duration
from spareto.core.errors import DataError, Problem
from spareto.data.own.events import UNITS_US, Events
from spareto.data.own.filed import Recorded
from spareto.data.own.saying import several
from spareto.data.readers._base import LATEST_US
from spareto.records.data import OwnData

LONGEST_US = 60e6
"""Recordings longer than a minute, if their times were microseconds, are asked about: they may be
nanoseconds."""


@dataclass(frozen=True)
class Clock:
    """How a whole data set counts time.

    Args:
        units: Unit of each recording's times.
        from_start: Whether times are counted from each recording's first event; else they are already.
        duration_us: What a recording lasts; later events are dropped.
        notes: What was found out, one sentence each.
    """

    units: tuple[str, ...]
    from_start: bool
    duration_us: int
    notes: tuple[str, ...]

    def microseconds(self, place: int, events: Events) -> npt.NDArray[np.int64]:
        """Times of the recording at this place among those the clock was made of."""
        return _in_us(events, self.units[place], from_start=self.from_start)


def clock_of(recordings: Sequence[Recorded], plan: OwnData) -> Clock:
    """Find out, once for all recordings, what their times mean.

    Raises:
        DataError: The unit cannot be told, is contradicted, or a type is too coarse for the times.
    """
    faults = [*_unit_faults(recordings, plan), *_coarse(recordings)]
    if faults:
        raise DataError(several(faults))
    units = tuple(events.unit or plan.time_unit or "us" for events in recordings)
    spans = [events.facts.span * UNITS_US[unit] for events, unit in zip(recordings, units, strict=True)]
    if late := [*_late(recordings, units)]:
        raise DataError(several(late))
    starts = [float(e.facts.times[0]) * UNITS_US[unit] for e, unit in zip(recordings, units, strict=True)]
    longest = max(spans)
    from_start = any(start < 0 or start > longest for start in starts)
    ends = spans if from_start else [start + span for start, span in zip(starts, spans, strict=True)]
    length = plan.duration_us or int(max(ends)) + 1
    counted = " and counted from each one's first event, for they are absolute" if from_start else ""
    shown = "/".join(sorted(set(units)))
    note = f"Times are read as {shown}{counted}; the longest recording lasts {duration(max(ends))}."
    return Clock(units, from_start, length, (note,))


def _in_us(events: Events, unit: str, *, from_start: bool) -> npt.NDArray[np.int64]:
    times = events.t - events.t.min() if from_start else events.t
    if unit == "ns" and times.dtype.kind != "f":
        return times.astype(np.int64) // 1000
    return np.floor(times * UNITS_US[unit] + 1e-6).astype(np.int64)  # 0.000007 s is 7 us, not 6.999999


def _unit_faults(recordings: Sequence[Recorded], plan: OwnData) -> Iterator[Problem]:
    for events in recordings:
        where, asked, facts = f"{events.where}: t", "a unit of time: ns, us, ms or s", events.facts
        if events.unit and plan.time_unit and events.unit != plan.time_unit:
            cure = "Leave data.time_unit out, or rename the array."
            yield Problem(
                where, f"times named as {events.unit}", f"{plan.time_unit}, as data.time_unit says", cure
            )
        elif events.unit or plan.time_unit:
            continue
        elif facts.fraction is not None:
            got = f"fractions such as {facts.fraction:.6g}"
            meant = f"the recording then lasts {duration(facts.span * 1e6)}"
            yield Problem(where, got, asked, f"For seconds, write data.time_unit: s ({meant}).")
        elif facts.span > LONGEST_US:
            got = f"times over {facts.span:.4g}, which in us are {duration(facts.span)}"
            meant = f"the recording then lasts {duration(facts.span / 1e3)}"
            yield Problem(where, got, asked, f"For nanoseconds, write data.time_unit: ns ({meant}).")


def _late(recordings: Sequence[Recorded], units: Sequence[str]) -> Iterator[Problem]:
    """Times that 64 bits do not hold any more, once they are counted in microseconds and timesteps."""
    for events, unit in zip(recordings, units, strict=True):
        latest = max(map(abs, events.facts.times)) * UNITS_US[unit]
        if latest > LATEST_US:
            got = f"{latest:.4g} microseconds"
            yield Problem(f"{events.where}: t", got, "times of at most 140 years", "Check the unit.")


def _coarse(recordings: Sequence[Recorded]) -> Iterator[Problem]:
    """Absolute times in 32-bit floats: seconds of today are 128 apart."""
    for events in recordings:
        facts, kind = events.facts, events.facts.dtype
        if kind.kind == "f" and kind.itemsize < 8 and len(events) > 1:
            step = max(map(abs, facts.times)) * float(np.finfo(kind).eps)
            if step > facts.span / 1000:
                got = f"{kind} times of about {facts.first:.6g}, which are {step:.2g} apart"
                cure = "Save them as float64, or counted from the recording's start."
                yield Problem(f"{events.where}: t", got, "a thousandth of the recording or finer", cure)
