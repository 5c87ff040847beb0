"""Frames of sets that are larger than memory: files that are mapped, not read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from spareto.core.artifacts import fingerprint, replacing, there, write_text, written
from spareto.core.scratch import reserve, scratch_file
from spareto.data._base import Frames
from spareto.data.cache import cache_folder, content_hash
from spareto.data.paging import has_read, watched

Labels = npt.NDArray[np.int64]
STEP_BYTES = 1 << 24
"""Bytes copied at once."""
FRAMES_IN_MEMORY = 1 << 29
"""Bytes of a user's frames that are held in memory; a study that splits off samples holds them twice."""


def write_frames(path: Path, shape: Sequence[int], parts: Iterator[tuple[Frames, Labels]]) -> Labels:
    """Write frames part by part; what is in memory at once is one part.

    Args:
        path: An `.npy` file that is mapped later.
        shape: Time, samples, polarities, height and width.
        parts: Frames `(time, some, ...)` and labels of as many samples as `shape` says, in their order.

    Returns:
        The labels of all samples.

    Raises:
        StoreError: The disk is full, or may not be written to.
    """
    labels = np.zeros(shape[1], np.int64)
    with replacing(path) as temporary:
        mapped = watched(open_memmap(temporary, "w+", np.uint8, tuple(shape)))
        with temporary.open("r+b") as file:  # a mapping that meets a full disk ends the process
            reserve(file.fileno(), temporary.stat().st_size)
        first = 0
        for frames, some in parts:
            mapped[:, first : first + len(some)] = frames
            labels[first : first + len(some)] = some
            first += len(some)
            has_read(frames.nbytes)
        assert first == shape[1], f"{first} samples where {shape[1]} were announced"
        mapped.flush()  # pyright: ignore[reportAttributeAccessIssue]
        del mapped
    return labels


def filled(shape: Sequence[int], parts: Iterable[Frames]) -> Frames:
    """The same in memory: frames part by part, each copied once."""
    made = np.zeros(tuple(shape), np.uint8)
    first = 0
    for frames in parts:
        made[:, first : first + frames.shape[1]] = frames
        first += frames.shape[1]
    assert first == shape[1], f"{first} samples where {shape[1]} were announced"
    return made


def map_frames(path: Path) -> Frames:
    """The frames of a file; what is read of them comes from the disk and may leave memory again."""
    return watched(np.load(path, mmap_mode="r"))


def finish(path: Path, files: dict[str, Path], labels: dict[str, Labels]) -> None:
    """Write down what the files of a data set hold, last of all: without it they do not count."""
    arrays: dict[str, Any] = {name: map_frames(file) for name, file in files.items()} | labels
    told = {
        "hash": content_hash(arrays),
        "files": {name: [file.name, file.stat().st_size] for name, file in files.items()},
        "labels": {name: each.tolist() for name, each in labels.items()},
    }
    write_text(path, json.dumps(told))


def found(path: Path) -> tuple[dict[str, Any], str] | None:
    """Mapped frames, labels and their hash, as written down; None if a file is missing or cut off."""
    try:
        told = json.loads(path.read_text("utf-8"))
        arrays: dict[str, Any] = {name: np.array(each, np.int64) for name, each in told["labels"].items()}
        for name, (file, size) in told["files"].items():
            if (path.parent / file).stat().st_size != size:
                return None
            arrays[name] = map_frames(path.parent / file)
        return arrays, str(told["hash"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_mapped(frames: npt.NDArray[Any]) -> bool:
    """Whether these are all the frames of a mapped file that has a name."""
    return (
        isinstance(frames, np.memmap)
        and frames.filename is not None
        and frames.base is not None
        and (not isinstance(frames.base, np.ndarray))
    )


def lies_in_file(frames: npt.NDArray[Any]) -> bool:
    """Whether these are frames of a mapped file, some or all, seen from any side."""
    behind: Any = frames
    while behind is not None and not isinstance(behind, np.memmap):
        behind = getattr(behind, "base", None)
    return behind is not None


def room_for(shape: Sequence[int], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array of zeros; of more than `FRAMES_IN_MEMORY` bytes it lies in a nameless file in the cache.

    Raises:
        StoreError: The disk is full, or may not be written to.
    """
    size = math.prod(shape) * np.dtype(kind).itemsize
    if size <= FRAMES_IN_MEMORY:
        return np.zeros(tuple(shape), kind)
    folder = cache_folder(None)
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with scratch_file(folder, size) as file:
        return watched(np.memmap(file, kind, "r+", shape=tuple(shape)))


def in_steps(count: int, size: int) -> Iterator[slice]:
    """Places 0 to `count` of something of `size` bytes, about `STEP_BYTES` at a time."""
    few = max(1, STEP_BYTES * count // max(1, size))
    for first in range(0, count, few):
        yield slice(first, min(first + few, count))
        has_read(few * size // max(1, count))


def gathered(frames: npt.NDArray[Any], chosen: npt.NDArray[np.intp], axis: int) -> npt.NDArray[Any]:
    """Some samples of frames that lie in a file; many of them lie in one again.

    Args:
        frames: All of them.
        chosen: Numbers of the samples.
        axis: Which axis is that of the samples, 0 or 1.

    Raises:
        StoreError: See `room_for`.
    """
    shape = (*frames.shape[:axis], len(chosen), *frames.shape[axis + 1 :])
    made = room_for(shape, frames.dtype)
    before = (slice(None),) * axis
    for some in in_steps(len(chosen), made.nbytes):
        made[(*before, some)] = frames[(*before, chosen[some])]
    return made


def some_of(frames: npt.NDArray[Any], chosen: npt.NDArray[np.intp]) -> Frames:
    """Some samples of mapped frames, mapped themselves: a file beside theirs, written once.

    Raises:
        StoreError: The disk is full, or may not be written to.
    """
    assert isinstance(frames, np.memmap)
    if not len(chosen):
        return np.zeros((frames.shape[0], 0, *frames.shape[2:]), np.uint8)
    source = Path(str(frames.filename))
    path = source.with_name(f"{source.stem}-{fingerprint(chosen.tolist(), 8)}.npy")
    shape = (frames.shape[0], len(chosen), *frames.shape[2:])
    if not there(path):
        groups = (chosen[some] for some in in_steps(len(chosen), math.prod(shape)))
        write_frames(path, shape, ((frames[:, some], np.zeros(len(some), np.int64)) for some in groups))
    return map_frames(path)
