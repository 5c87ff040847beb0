"""Load a data set by name, as frames, through a cache on disk."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import platformdirs

from spareto.core.arguments import whole
from spareto.core.artifacts import anything_there, fingerprint
from spareto.core.errors import StoreError
from spareto.data import registry
from spareto.data._base import Dataset, DatasetInfo, Frames
from spareto.data.cache import Arrays, content_hash, read_cache, write_cache
from spareto.data.frames import frames_of, held
from spareto.records.data import DataPlan

FORMAT_VERSION = 1
ENVIRONMENT = "SPARETO_CACHE"


@dataclass(frozen=True)
class FrameData:
    """Both splits of a data set as frames.

    Args:
        train_frames: Shape (time, samples, polarities, height, width).
        train_labels: Shape (samples,).
        test_frames: As `train_frames`.
        test_labels: As `train_labels`.
        info: Facts of the data set.
        name: Name of the data set.
        hash: SHA-256 of frames and labels, shortened; equal data have equal hashes on every machine.
        layout: `time-first`, as above; `static`, frames `(samples, ...)` without a time axis; None, frames
            `(samples, ...)` of which the network tells whether time is their second axis.
        notes: What was found out or left out when they were read, one sentence each.
        validation_frames: As `train_frames`; measured after every epoch of a training whose plan holds out no
            samples itself. None where there are none.
        validation_labels: As `train_labels`.
    """

    train_frames: Frames
    train_labels: npt.NDArray[np.int64]
    test_frames: Frames
    test_labels: npt.NDArray[np.int64]
    info: DatasetInfo
    name: str
    hash: str
    layout: Literal["time-first", "static"] | None = "time-first"
    notes: tuple[str, ...] = ()
    validation_frames: Frames | None = None
    validation_labels: npt.NDArray[np.int64] | None = None

    @property
    def timesteps(self) -> int | None:
        """Number of timesteps; None where no axis is known to be time."""
        return len(self.train_frames) if self.layout == "time-first" else None


def load_frames(
    name: str, *, timesteps: int, binary: bool = True, cache: Path | None = None, **options: Any
) -> FrameData:
    """Load a data set as frames.

    Args:
        name: Name of the data set, as in `registry.names()`.
        timesteps: Number of time bins, T.
        binary: Frames of 0 and 1, else event counts up to 255; of images their coding decides.
        cache: Folder for the cached frames; left out, SPARETO_CACHE, else the user's cache folder.
        options: Options of the data set.

    Raises:
        UnknownName: No data set of that name exists.
        ConfigError: The data set has no such option.
        DataError: A file of the data set is missing, truncated or malformed.
    """
    whole(timesteps, "data.timesteps", 1, 1_000_000)
    dataset = open_dataset(name, **options)
    path = _cache_folder(cache) / f"{name}-{timesteps}-{_key(dataset, timesteps, binary, options)}.npz"
    arrays = read_cache(path)
    if arrays is None:
        arrays = _make(dataset, timesteps, binary)
        _keep(path, arrays)
    one_for_all = len(arrays["train_frames"]) != timesteps  # then their number is part of the data, too
    named = {**arrays, "timesteps": np.array(timesteps)} if one_for_all else arrays
    splits: dict[str, Any] = {
        key: held(value, timesteps) if key.endswith("frames") else value for key, value in arrays.items()
    }
    return FrameData(**splits, info=dataset.info, name=name, hash=content_hash(named))


def load_plan(plan: DataPlan, cache: Path | None = None) -> FrameData:
    """Load the data set a plan asks for; see `load_frames`."""
    options: dict[str, Any] = dict(plan.options)
    return load_frames(plan.name, timesteps=plan.timesteps, binary=plan.binary, cache=cache, **options)


def open_dataset(name: str, **options: Any) -> Dataset:
    """Make the data set `name`; reads nothing yet.

    Raises:
        UnknownName: No data set of that name exists.
        ConfigError: The data set has no such option.
    """
    return registry.make(name, "data.options", **options)


def _make(dataset: Dataset, timesteps: int, binary: bool) -> Arrays:
    train, test = dataset.split("train"), dataset.split("test")
    return {
        "train_frames": frames_of(train, "train", dataset.info, timesteps, binary=binary),
        "train_labels": train.labels,
        "test_frames": frames_of(test, "test", dataset.info, timesteps, binary=binary),
        "test_labels": test.labels,
    }


def _key(dataset: Dataset, timesteps: int, binary: bool, options: dict[str, Any]) -> str:
    """Fingerprint of everything the frames depend on."""
    stamps = [(path.resolve(), path.stat()) for path in dataset.sources() if anything_there(path)]
    return fingerprint(
        {
            "format": FORMAT_VERSION,
            "data set": [type(dataset).__module__, type(dataset).__qualname__, dataset.version],
            "options": {option: repr(value) for option, value in options.items()},
            "timesteps": timesteps,
            "binary": binary,
            "sources": [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stamps],
        }
    )


def _keep(path: Path, arrays: Arrays) -> None:
    try:
        write_cache(path, arrays)
    except StoreError as error:
        warnings.warn(f"The frames could not be cached in {path.parent}: {error}", stacklevel=3)


def _cache_folder(cache: Path | None) -> Path:
    return cache or Path(os.environ.get(ENVIRONMENT) or platformdirs.user_cache_dir("spareto"))
