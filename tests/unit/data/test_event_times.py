"""Times of events in any type, unit and size: bins as whole numbers without an end give them, or an error."""

from fractions import Fraction

import numpy as np
import pytest

from spareto.core.errors import DataError
from spareto.data._base import DatasetInfo, Recordings
from spareto.data.frames import frames
from spareto.data.own.binning import Binner
from spareto.data.own.events import events_of
from spareto.records.data import OwnData

TIMESTEPS = 7
IN_US = {"ns": Fraction(1, 1000), "us": Fraction(1), "ms": Fraction(1000), "s": Fraction(10**6)}
TYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")
SHAPES = {
    "from zero": (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 120),
    "to the largest": (0.0, 0.1, 0.3, 0.9, 1.0),
    "from the smallest": (-1.0, -0.5, 0.0, 0.5, 1.0),
    "only the largest": (0.999, 1.0),
    "only the smallest": (-1.0, -0.999),
}


def times_of(kind, shape):
    """Whole numbers spread over what a type can hold."""
    info = np.iinfo(kind)
    if shape == "from zero":
        return np.array(SHAPES[shape], kind)
    ends = [(info.max if part >= 0 else -info.min) for part in SHAPES[shape]]
    spread = [
        int(Fraction(part).limit_denominator(1000) * end)
        for part, end in zip(SHAPES[shape], ends, strict=True)
    ]
    return np.array(sorted(max(value, info.min) for value in spread), kind)


def bins(times, unit):
    """By hand: microseconds since the first event if times are absolute, in equal bins."""
    exact = [Fraction(int(t)) * IN_US[unit] for t in times]
    span = exact[-1] - exact[0]
    since = [t - exact[0] for t in exact] if exact[0] < 0 or exact[0] > span else exact
    whole = [int(t // 1) for t in since]
    duration = whole[-1] + 1
    return [t * TIMESTEPS // duration for t in whole], duration


def framed(times, unit):
    places = np.arange(len(times))
    events = events_of({"x": places, "t": times}, "it")
    plan = OwnData.parse({"timesteps": TIMESTEPS, "sensor": [1, 1, len(times)], "time_unit": unit}, "data")
    binner = Binner.of([events], plan, None)
    made, notes = binner.frames([events], 0, "all")
    assert notes == ()  # no event is late
    return made[:, 0, 0, 0, :]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("unit", IN_US)
def test_no_time_wraps_around(unit, kind, shape):
    times = times_of(kind, shape)
    expected, duration = bins(times, unit)
    furthest = max(duration, *(abs(int(t)) * IN_US[unit] for t in times))
    if furthest > 2**53:
        with pytest.raises(DataError):
            framed(times, unit)
    if furthest > 2**51:
        return
    made = framed(times, unit)
    assert [int(step) for step in made.argmax(0)] == expected
    assert made.sum() == len(times)


@pytest.mark.parametrize("value", [1e300, -1e300, 3e19, 2.0**63, np.inf, np.nan])
@pytest.mark.parametrize("unit", [None, *IN_US])
@pytest.mark.parametrize("name", ["x", "t", "dt_us"])
def test_numbers_that_64_bits_do_not_hold_are_refused(name, unit, value):
    arrays = {"x": np.arange(3.0), "t": np.arange(3.0)}
    if name == "dt_us":
        arrays["dt_us"] = arrays.pop("t")
    arrays[name] = np.array([0.0, 1.0, value])
    plan = OwnData.parse({"timesteps": 3, "sensor": [1, 1, 3], "time_unit": unit}, "data")
    with pytest.raises(DataError):
        Binner.of([events_of(arrays, "it")], plan, None).frames([events_of(arrays, "it")], 0, "all")


@pytest.mark.parametrize(
    "steps", [np.array([1, -2, 5]), np.array([2**62, 2**62, 2**62]), np.array([2**63 + 1], "u8")]
)
def test_steps_that_go_back_or_beyond_are_refused(steps):
    with pytest.raises(DataError):
        events_of({"x": np.zeros(len(steps)), "dt_us": steps}, "it")


def test_late_events_are_dropped_before_they_are_multiplied():
    late = np.array([0, 5, 2**62, 2**63 - 1])
    zeros = np.zeros(4, np.int64)
    recordings = Recordings(zeros, zeros, zeros, late, np.array([0, 4]), np.zeros(1, np.int64))
    made = frames(recordings, DatasetInfo(1, (1, 1, 1), 10, "", ""), 1000, binary=False)
    assert made.sum() == 2
