"""Event recordings as users store them: names, units, signs and origins of many kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from spareto.core.errors import DataError, Problem
from spareto.data.own.arrays import as_array, refuse_not_finite

Array = npt.NDArray[Any]
NAMES = {
    "x": ("x", "xs", "x_addr", "col", "units"),
    "y": ("y", "ys", "y_addr", "row"),
    "p": ("p", "pol", "polarity", "polarities", "on"),
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps"),
}
UNITS_US = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
"""How many microseconds one of each is."""
LARGEST = 1 << 62
"""Largest whole number: twice as many fit into 64 bits."""

CURE = "Save it with np.savez(path, x=..., y=..., p=..., t=...), one value an event."


@dataclass(frozen=True)
class Events:
    """One recording as it was stored; times are in any unit and from any origin.

    Args:
        where: Its file, or its place in a data set.
        x: Column of each event.
        y: Row of each event; None where the file has none.
        p: Polarity of each event; None where the file has none.
        t: Time of each event.
        unit: Unit of the times where their array's name says it: `t_us`.
        size: Height and width of the sensor where the file says them.
    """

    where: str
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64] | None
    p: npt.NDArray[np.int64] | None
    t: Array
    unit: str | None = None
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def read(self) -> Events:
        """The arrays; these are in memory."""
        return self

    @cached_property
    def facts(self) -> Facts:
        """What is asked of every recording before any is binned."""
        parts = self.t[self.t != np.floor(self.t)] if self.t.dtype.kind == "f" else self.t[:0]
        return Facts(
            events=len(self),
            times=(self.t.min().item(), self.t.max().item()),
            first=self.t[0].item(),
            dtype=self.t.dtype,
            fraction=parts[0].item() if len(parts) else None,
            x=_extent(self.x),
            y=None if self.y is None else _extent(self.y),
            p=None if self.p is None else (*_extent(self.p), len(np.unique(self.p))),
            size=self.size,
        )


@dataclass(frozen=True)
class Facts:
    """A few numbers of a recording.

    Args:
        events: How many there are.
        times: The least and the largest time, in the unit they are stored in.
        first: The time of the first event in the file.
        dtype: Type of the times.
        fraction: The first time that is no whole number; None if all are.
        x: Least and largest column.
        y: Least and largest row; None where the file has none.
        p: Least and largest polarity, and how many distinct ones; None where the file has none.
        size: Height and width of the sensor where the file says them.
    """

    events: int
    times: tuple[float, float]
    first: float
    dtype: np.dtype[Any]
    fraction: float | None
    x: tuple[int, int]
    y: tuple[int, int] | None
    p: tuple[int, int, int] | None
    size: tuple[int, int] | None = None

    @property
    def span(self) -> float:
        """Last minus first time, in the unit they are stored in."""
        return float(self.times[1] - self.times[0])  # of whole numbers without rounding


def looks_like_events(value: Any) -> bool:
    """Whether this has named arrays of coordinates and times."""
    names = _names_of(value)
    return names is not None and _find(names, "x") is not None and _find_time(names)[0] is not None


def events_of(value: Any, where: str) -> Events:
    """One recording from a mapping or a structured array with x, y, p and t, under their usual names.

    Raises:
        DataError: An array is missing, of another length, or holds no whole numbers; or there is no event.
    """
    names = _names_of(value) or []
    x_name, y_name, p_name = (_find(names, axis) for axis in "xyp")
    t_name, unit = _find_time(names)
    missing = [axis for axis, name in (("x", x_name), ("t", t_name)) if name is None]
    if missing or x_name is None or t_name is None:
        got = f"no array for {' and '.join(missing)} among {', '.join(names) or 'none'}"
        raise DataError(Problem(where, got, "arrays x, y, p and t", CURE))
    times = as_array(value[t_name], f"{where}: {t_name}").reshape(-1)
    _refuse_lengths(value, (x_name, y_name, p_name), t_name, where)
    if len(times) == 0:
        raise DataError(Problem(where, "no event", "at least one", "Delete the file and its label."))
    if times.dtype.kind == "f":
        refuse_not_finite(times, f"{where}: {t_name}")
    if unit == "dt_us":
        times, unit = _summed(times, f"{where}: {t_name}"), "us"
    if times.dtype.kind != "f":  # 32 bits wrap around, and a difference of unsigned numbers has no sign
        times = _in_64_bits(times, f"{where}: {t_name}")
    x = _whole(value[x_name], where, x_name)
    y, p = (None if name is None else _whole(value[name], where, name) for name in (y_name, p_name))
    return Events(where, x, y, p, times, unit)


def told_sensor(recordings: Iterable[Facts]) -> tuple[int, int, int] | None:
    """The sensor that all files say alike, of two polarities, as cameras have them; None if they do not."""
    sizes = {facts.size for facts in recordings}
    found = sizes.pop() if len(sizes) == 1 else None
    return None if found is None else (2, *found)


def sensor_of(recordings: Iterable[Facts]) -> tuple[int, int, int]:
    """The smallest sensor that holds every event: polarities, height, width."""
    polarities, height, width = 1, 1, 1
    for facts in recordings:
        width = max(width, facts.x[1] + 1)
        height = max(height, 1 if facts.y is None else facts.y[1] + 1)
        polarities = max(polarities, 1 if facts.p is None or facts.p[2] == 1 else 2)
    return polarities, height, width


def _extent(values: npt.NDArray[np.int64]) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _names_of(value: Any) -> list[str] | None:
    if isinstance(value, Mapping):
        return [str(name) for name in value]
    fields = getattr(getattr(value, "dtype", None), "names", None)
    return None if fields is None else list(fields)


def _find(names: list[str], axis: str) -> str | None:
    return next((name for name in names if name.lower() in NAMES[axis]), None)


def _find_time(names: list[str]) -> tuple[str | None, str | None]:
    """The array of times and the unit its name says; `dt_us` are the times between events."""
    for name in names:
        stem, _, unit = name.lower().rpartition("_")
        if name.lower() in NAMES["t"]:
            return name, None
        if stem in NAMES["t"] and unit in UNITS_US:
            return name, unit
        if name.lower() == "dt_us":
            return name, "dt_us"
    return None, None


def _refuse_lengths(value: Any, names: Iterable[str | None], t_name: str, where: str) -> None:
    expected = np.size(value[t_name])
    DataError.if_any(
        Problem(
            f"{where}: {name}", f"{np.size(value[name])} values", f"{expected}, as many as {t_name}", CURE
        )
        for name in names
        if name is not None and np.size(value[name]) != expected
    )


def _whole(values: Any, where: str, name: str) -> npt.NDArray[np.int64]:
    array = as_array(values, f"{where}: {name}").reshape(-1)
    if array.dtype.kind == "f":
        refuse_not_finite(array, f"{where}: {name}")
        if not np.array_equal(array, np.floor(array)):
            got = f"{array[array != np.floor(array)][0]:g}"
            raise DataError(Problem(f"{where}: {name}", got, "whole numbers", CURE))
    return _in_64_bits(array, f"{where}: {name}")


def _in_64_bits(array: Array, where: str) -> npt.NDArray[np.int64]:
    """Whole numbers as 64-bit integers that can still be subtracted.

    Raises:
        DataError: One of them is too large.
    """
    for value in (array.min().item(), array.max().item()) if len(array) else ():
        if abs(value) > LARGEST:
            raise DataError(_too_far(where, value))
    return array.astype(np.int64)


def _summed(steps: Array, where: str) -> npt.NDArray[np.int64]:
    """Times from the times between events.

    Raises:
        DataError: A step goes back, or they add up to more than 64 bits hold.
    """
    if len(steps) and steps.min() < 0:
        raise DataError(Problem(where, f"a step of {steps.min():g}", "times between events, 0 or more", CURE))
    if steps.astype(np.float64).sum() > LARGEST:
        raise DataError(_too_far(where, steps.astype(np.float64).sum()))
    return np.cumsum(steps, dtype=np.int64)


def _too_far(where: str, value: float) -> Problem:
    return Problem(where, f"{value:.6g}", f"a number of at most {LARGEST:.2g}", CURE)
