"""The HDF5 files of the Heidelberg sets: lists of times and units, one of each per recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from spareto.core.errors import DataError, Problem
from spareto.core.extras import imported
from spareto.core.hdf5 import check_heaps, check_lengths
from spareto.data._base import Recordings
from spareto.data.folder import require

LATEST_S = 3600.0
DAMAGED = (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError)
"""What h5py raises of a damaged file."""

RULE = "the data sets spikes/times, spikes/units and labels, one entry a recording"


def count_trains(path: Path, cure: str) -> int:
    """How many recordings a file holds.

    Raises:
        DataError: The file is missing, damaged or of another kind.
        MissingDependency: h5py is not installed.
    """
    with _opened(path, cure) as file:
        return len(file["labels"])


def read_trains(path: Path, cure: str, at_once: int) -> Iterator[Recordings]:
    """The recordings of a file, some at a time; units are columns of one row, and all events ON.

    Times in seconds become microseconds; events of a recording are put in order of time.

    Args:
        path: The file.
        cure: Where to get it, for messages.
        at_once: Events of a part at most, unless one recording has more.

    Raises:
        DataError: The file is missing, truncated or malformed.
        MissingDependency: h5py is not installed.
    """
    with _opened(path, cure) as file:
        try:
            labels = np.asarray(file["labels"][()]).astype(np.int64).reshape(-1)
        except (*DAMAGED, OverflowError):
            raise DataError(Problem(f"{path}: labels", "a damaged array", RULE, cure)) from None
        trains: list[tuple[Any, Any]] = []
        first = held = 0
        for number in range(len(labels)):
            train = _train(path, file, number, cure)
            if trains and held + len(train[0]) > at_once:
                yield _recordings(trains, labels[first:number])
                first, held, trains = number, 0, []
            held += len(train[0])
            trains.append(train)
        yield _recordings(trains, labels[first:])


def _train(path: Path, file: Any, number: int, cure: str) -> tuple[Any, Any]:
    try:
        times = np.asarray(file["spikes/times"][number], np.float64).reshape(-1)
        units = np.asarray(file["spikes/units"][number]).astype(np.int64).reshape(-1)
    except DAMAGED as error:
        got = f"recording {number} cannot be read ({' '.join(str(error).split())[:80]})"
        raise DataError(Problem(str(path), got, RULE, cure)) from None
    where = f"{path}, recording {number}"
    if len(times) != len(units) or not len(times):
        rule = "as many of either, at least one"
        raise DataError(Problem(where, f"{len(times)} times and {len(units)} units", rule, cure))
    if not (np.isfinite(times).all() and 0 <= times.min() <= times.max() <= LATEST_S):
        raise DataError(Problem(f"{where}: times", "others", f"seconds from 0 to {LATEST_S:g}", cure))
    order = np.argsort(times, kind="stable")
    return np.rint(times[order] * 1e6).astype(np.int64), units[order]


def _recordings(trains: list[tuple[Any, Any]], labels: Any) -> Recordings:
    offsets = np.cumsum([0, *(len(times) for times, _ in trains)]).astype(np.int64)
    units = np.concatenate([units for _, units in trains])
    zeros = np.zeros(len(units), np.uint8)
    return Recordings(units, zeros, zeros, np.concatenate([times for times, _ in trains]), offsets, labels)


@contextmanager
def _opened(path: Path, cure: str) -> Iterator[Any]:
    require(path, "an HDF5 file of spike trains", cure)
    how = "pip install 'spareto[hdf5]'"
    h5py = imported("h5py", "h5py", "not installed", "h5py, to read HDF5", how)
    try:
        check_heaps(path)
        file = h5py.File(path, "r")
    except (OSError, ValueError):
        raise DataError(Problem(str(path), "a file that is not HDF5, or damaged", RULE, cure)) from None
    with file:
        try:
            sets: Any = file
            counts = {name: len(sets[name]) for name in ("spikes/times", "spikes/units", "labels")}
            for name in counts:
                check_lengths(path, sets[name])
        except DAMAGED:
            raise DataError(Problem(str(path), _told(file), RULE, cure)) from None
        if len(set(counts.values())) != 1 or not counts["labels"]:
            got = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise DataError(Problem(str(path), got, RULE, cure))
        yield file


def _told(file: Any) -> str:
    """What a file holds instead, as far as it can be read."""
    try:
        return f"the data sets {', '.join(sorted(map(str, file)))[:80] or 'none'}"
    except DAMAGED:
        return "a damaged file"
