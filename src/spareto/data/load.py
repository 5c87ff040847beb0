"""Load a data set by name, as frames, through a cache on disk."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spareto.core.artifacts import anything_there, canonical_json, fingerprint, stamp_of
from spareto.core.errors import Problem, StoreError
from spareto.data import registry
from spareto.data._base import Dataset, DatasetInfo, Frames, Images, Recordings, SplitName
from spareto.data.bins import Bins, Measure
from spareto.data.cache import (
    IN_MEMORY,
    PART_BYTES,
    Arrays,
    cache_folder,
    content_hash,
    read_cache,
    write_cache,
)
from spareto.data.frames import frames_of, held
from spareto.data.mapped import finish, found, write_frames
from spareto.records.data import DataPlan

FORMAT_VERSION = 1


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

    def __repr__(self) -> str:
        samples = f"{len(self.train_labels)} training and {len(self.test_labels)} test samples"
        steps = "" if self.timesteps is None else f"{self.timesteps} timesteps, "
        sensor = "×".join(map(str, self.info.sensor))
        return f"FrameData({self.name!r}: {samples}, {steps}sensor {sensor}, {self.info.classes} classes)"

    @property
    def timesteps(self) -> int | None:
        """Number of timesteps; None where no axis is known to be time."""
        return len(self.train_frames) if self.layout == "time-first" else None


def load_frames(
    name: str,
    *,
    timesteps: int,
    binary: bool = True,
    bins: Measure = "time",
    bin_size: int | None = None,
    cache: Path | None = None,
    **options: Any,
) -> FrameData:
    """Load a data set as frames.

    Frames of more than 1 GiB are not read but mapped from the cache, so that a set may be larger than memory.

    Args:
        name: Name of the data set, as in `registry.names()`.
        timesteps: Number of frames, T.
        binary: Frames of 0 and 1, else event counts up to 255; of images their coding decides.
        bins: What frames have in common: `time` or the number of `events`.
        bin_size: Microseconds or events of a frame; left out, T frames share the recording.
        cache: Folder for the cached frames; left out, SPARETO_CACHE, else the user's cache folder.
        options: Options of the data set.

    Raises:
        UnknownName: No data set of that name exists.
        ConfigError: The data set has no such option.
        DataError: A file of the data set is missing, truncated or malformed.
        StoreError: Frames that do not fit into memory cannot be written to the cache.
    """
    sorted_into = Bins(timesteps, bins, bin_size)
    dataset = open_dataset(name, **options)
    key = _key(dataset, sorted_into, binary, options)
    path = cache_folder(cache) / f"{name}-{timesteps}-{key}.npz"
    info = replace(dataset.info, duration_us=sorted_into.duration_us(dataset.info.duration_us))
    samples = sum(dataset.count(split) or 0 for split in SPLITS)  # 0 where only reading tells how many
    if samples * timesteps * math.prod(dataset.info.sensor) > IN_MEMORY:
        mapped, known = _mapped(path.with_suffix(".json"), dataset, sorted_into, binary)
        return FrameData(**mapped, info=info, name=name, hash=known)
    arrays = read_cache(path)
    if arrays is None:
        arrays = _make(dataset, sorted_into, binary)
        _keep(path, arrays)
    one_for_all = len(arrays["train_frames"]) != timesteps  # then their number is part of the data, too
    named = {**arrays, "timesteps": np.array(timesteps)} if one_for_all else arrays
    splits: dict[str, Any] = {
        key: held(value, timesteps) if key.endswith("frames") else value for key, value in arrays.items()
    }
    return FrameData(**splits, info=info, name=name, hash=content_hash(named))


def load_plan(plan: DataPlan, cache: Path | None = None) -> FrameData:
    """Load the data set a plan asks for; see `load_frames`."""
    options: dict[str, Any] = dict(plan.options)
    return load_frames(
        plan.name,
        timesteps=plan.timesteps,
        binary=plan.binary,
        bins=plan.bins,
        bin_size=plan.bin_size,
        cache=cache,
        **options,
    )


def open_dataset(name: str, **options: Any) -> Dataset:
    """Make the data set `name`; reads nothing yet.

    Raises:
        UnknownName: No data set of that name exists.
        ConfigError: The data set has no such option.
    """
    return registry.make(name, "data.options", **options)


SPLITS: tuple[SplitName, ...] = ("train", "test")


def _made(dataset: Dataset, split: SplitName, bins: Bins, binary: bool) -> Iterator[tuple[Frames, Any]]:
    """Frames and labels of a split, part by part."""
    few = max(1, PART_BYTES // (bins.timesteps * math.prod(dataset.info.sensor)))
    for part in dataset.parts(split):
        for some in _cut(part, few):
            yield frames_of(some, split, dataset.info, bins, binary=binary), some.labels


def _cut(part: Recordings | Images, few: int) -> Iterator[Recordings | Images]:
    """Recordings, so many at a time; images stay together, for their coding may draw at random."""
    if isinstance(part, Images) or len(part) <= few:
        yield part
        return
    for first in range(0, len(part), few):
        yield part.take(np.arange(first, min(first + few, len(part))))


def _make(dataset: Dataset, bins: Bins, binary: bool) -> Arrays:
    arrays: Arrays = {}
    for split in SPLITS:
        frames, labels = zip(*_made(dataset, split, bins, binary), strict=True)
        arrays[f"{split}_frames"] = frames[0] if len(frames) == 1 else np.concatenate(frames, axis=1)
        arrays[f"{split}_labels"] = np.concatenate(labels)
    return arrays


def _mapped(path: Path, dataset: Dataset, bins: Bins, binary: bool) -> tuple[dict[str, Any], str]:
    """Frames and labels mapped from the cache, and their hash; what is not there is written first."""
    files: dict[str, Path] = {}
    labels: dict[str, npt.NDArray[np.int64]] = {}
    known = found(path)
    if known is None:
        for split in SPLITS:
            file = path.with_name(f"{path.stem}-{split}_frames.npy")
            shape = (bins.timesteps, dataset.count(split) or 0, *dataset.info.sensor)
            labels[f"{split}_labels"] = write_frames(file, shape, _made(dataset, split, bins, binary))
            files[f"{split}_frames"] = file
        finish(path, files, labels)
        known = found(path)
    if known is None:
        rule, cure = "the frames that were just written", "Check the disk of the cache."
        raise StoreError(Problem(str(path), "a file that cannot be read back", rule, cure))
    return known


def _key(dataset: Dataset, bins: Bins, binary: bool, options: dict[str, Any]) -> str:
    """Fingerprint of everything the frames depend on."""
    return fingerprint(
        {
            "format": FORMAT_VERSION,
            "data set": [type(dataset).__module__, type(dataset).__qualname__, dataset.version],
            "options": {option: _told(value) for option, value in options.items()},
            "timesteps": bins.timesteps,
            "binary": binary,
            **bins.told(),
            "sources": [stamp_of(path) for path in dataset.sources() if anything_there(path)],
        }
    )


def _told(value: Any) -> str:
    """An option as text; that of a mapping does not depend on the order of its keys."""
    return canonical_json(value) if isinstance(value, Mapping) else repr(value)


def _keep(path: Path, arrays: Arrays) -> None:
    try:
        write_cache(path, arrays)
    except StoreError as error:
        warnings.warn(f"The frames could not be cached in {path.parent}: {error}", stacklevel=3)
