"""Event recordings in one NumPy archive: flat arrays x, y, dt_us, offsets, label, and p where it was kept."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from spareto.core.archives import Damaged, load_arrays
from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo, Recordings
from spareto.data.checks import problems_of
from spareto.data.folder import require

Arrays = dict[str, npt.NDArray[np.integer]]

LONGEST: Final = (1 << 32) - 1
"""Microseconds of a recording, and of a step: 71 minutes, what 32 bits hold."""


def read_arrays(path: Path, names: tuple[str, ...], cure: str) -> Arrays:
    """Read the named integer arrays of an archive.

    Raises:
        DataError: The file is missing, truncated, or lacks some of the arrays.
    """
    require(path, "a NumPy archive of event recordings", cure)
    try:
        arrays = load_arrays(path, names)
        if not isinstance(arrays, dict):
            raise Damaged("a single array")
    except Damaged as error:
        reason = f"a truncated or damaged file ({error})"
        raise DataError(Problem(str(path), reason, "a NumPy archive of event recordings", cure)) from None
    faults = [
        Problem(f"{path}: {name}", "nothing", "an integer array", cure)
        for name in names
        if name not in arrays
    ]
    faults += [
        Problem(f"{path}: {name}", f"{array.ndim} axes of {array.dtype}", "a flat array of integers", cure)
        for name, array in arrays.items()
        if array.dtype.kind not in "iu" or array.ndim != 1
    ]
    DataError.if_any(faults)
    return arrays


def recordings_of(arrays: Arrays, info: DatasetInfo, path: Path, cure: str) -> Recordings:
    """Turn the arrays of an archive into recordings; without `p`, every event has polarity 0.

    Raises:
        DataError: Lengths, offsets or values do not fit together or do not fit `info`.
    """
    offsets = arrays["offsets"].astype(np.int64)
    _refuse_steps(arrays["dt_us"], path, cure)
    elapsed = np.concatenate(([0], np.cumsum(arrays["dt_us"], dtype=np.int64)))
    recordings = Recordings(
        x=arrays["x"],
        y=arrays["y"],
        polarity=arrays.get("p", np.zeros_like(arrays["x"])),
        t_us=elapsed[1:],
        offsets=offsets,
        labels=arrays["label"].astype(np.int64),
    )
    DataError.if_any(problems_of(recordings, info, str(path), cure))
    before = np.repeat(elapsed[offsets[:-1]], np.diff(offsets))
    since = elapsed[1:] - before
    if len(since) and since.max() > LONGEST:
        rule = f"recordings of at most {LONGEST:,} microseconds"
        raise DataError(Problem(f"{path}: dt_us", f"an event after {since.max():,}", rule, cure))
    return Recordings(**{**vars(recordings), "t_us": since.astype(np.uint32)})


def _refuse_steps(steps: npt.NDArray[np.integer], path: Path, cure: str) -> None:
    """Refuse times that run back, also from one recording to the next, or that no counter holds."""
    if len(steps) and not 0 <= steps.min() <= steps.max() <= LONGEST:
        got, rule = f"{steps.min():,} to {steps.max():,}", f"steps from 0 to {LONGEST:,} microseconds"
        raise DataError(Problem(f"{path}: dt_us", got, rule, cure))
