"""Event recordings in one NumPy archive: flat arrays x, y, dt_us, offsets, label, and p where it was kept."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo, Recordings
from spareto.data.checks import problems_of
from spareto.data.folder import require

Arrays = dict[str, npt.NDArray[np.integer]]


def read_arrays(path: Path, names: tuple[str, ...], cure: str) -> Arrays:
    """Read the named integer arrays of an archive.

    Raises:
        DataError: The file is missing, truncated, or lacks some of the arrays.
    """
    require(path, "a NumPy archive of event recordings", cure)
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise ValueError("a single array")
            arrays = {name: archive[name] for name in names if name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
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
    if faults:
        raise DataError(faults)
    return arrays


def recordings_of(arrays: Arrays, info: DatasetInfo, path: Path, cure: str) -> Recordings:
    """Turn the arrays of an archive into recordings; without `p`, every event has polarity 0.

    Raises:
        DataError: Lengths, offsets or values do not fit together or do not fit `info`.
    """
    offsets = arrays["offsets"].astype(np.int64)
    elapsed = np.concatenate(([0], np.cumsum(arrays["dt_us"], dtype=np.int64)))
    recordings = Recordings(
        x=arrays["x"],
        y=arrays["y"],
        polarity=arrays.get("p", np.zeros_like(arrays["x"])),
        t_us=elapsed[1:],
        offsets=offsets,
        labels=arrays["label"].astype(np.int64),
    )
    faults = problems_of(recordings, info, str(path), cure)
    if faults:
        raise DataError(faults)
    before = np.repeat(elapsed[offsets[:-1]], np.diff(offsets))
    return Recordings(**{**vars(recordings), "t_us": (elapsed[1:] - before).astype(np.uint32)})
