"""The files of a folder that hold samples, and what is in one."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spareto.core.archives import Damaged, load_arrays
from spareto.core.artifacts import anything_there, folder_there, there
from spareto.core.errors import DataError, Problem
from spareto.data.mapped import FRAMES_IN_MEMORY
from spareto.data.own.archive import arrays_of, is_archive
from spareto.data.own.arrays import Array, as_frames
from spareto.data.own.events import CURE, Events, events_of, looks_like_events
from spareto.data.own.saying import several
from spareto.data.readers import read_events, suffixes

ARRAYS = (".npz", ".npy")
SUFFIXES = (*ARRAYS, *(suffix for suffix in suffixes() if suffix not in ARRAYS))
RULE = "a recording or frames, .npz or .npy"


@dataclass(frozen=True)
class Listing:
    """What lies in a folder, at any depth.

    Args:
        samples: Files that may hold samples, sorted: arrays, and files of event cameras.
        tables: CSV files.
        system: Files that an operating system left: `._*`, `.DS_Store`, `Thumbs.db`.
        other: Files of other kinds.
    """

    samples: tuple[Path, ...]
    tables: tuple[Path, ...]
    system: tuple[Path, ...]
    other: tuple[Path, ...]


def list_files(folder: Path) -> Listing:
    """Look through a folder and the folders that links in it lead to.

    Raises:
        DataError: A link leads to nothing, or back to a folder that it lies in.
    """
    found: dict[str, list[Path]] = {"samples": [], "tables": [], "system": [], "other": []}
    faults: list[Problem] = []
    for path in sorted(_inside(folder, (os.path.realpath(folder),), faults)):
        kind = _kind(path, folder)
        wanted = kind in ("samples", "tables") or (kind == "other" and not path.suffix)
        if wanted and path.is_symlink() and not anything_there(path):
            got, cure = f"a link to {path.readlink()}, which is not there", "Mend or delete the link."
            faults.append(Problem(str(path), got, "a link to a file or a folder", cure))
        found[kind if there(path) or kind == "system" else "other"].append(path)
    if faults:
        raise DataError(several(faults))
    return Listing(**{kind: tuple(paths) for kind, paths in found.items()})


def _inside(folder: Path, above: tuple[str, ...], faults: list[Problem]) -> Iterator[Path]:
    """All that is no folder, at any depth; a link back to one of those above is a fault."""
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        faults.append(Problem(str(folder), got, "a folder that can be read", "Check its rights."))
        return
    for path in entries:
        if not folder_there(path):
            yield path
        elif (real := os.path.realpath(path)) in above:
            got, rule = f"a link back to {real}", "a link to another folder"
            faults.append(Problem(str(path), got, rule, "Delete the link."))
        else:
            yield from _inside(path, (*above, real), faults)


def _kind(path: Path, folder: Path) -> str:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)
    if hidden or path.name.lower() in ("thumbs.db", "desktop.ini"):
        return "system"
    suffix = path.suffix.lower()
    return "samples" if suffix in SUFFIXES else "tables" if suffix in (".csv", ".tsv") else "other"


def read_sample(path: Path) -> Events | Array:
    """One recording, or the frames of one sample.

    Raises:
        DataError: The file is empty, damaged, pickled, or holds something else.
    """
    where = str(path)
    if path.suffix.lower() not in ARRAYS:
        return _camera_events(path)
    arrays = read_arrays(path)
    if isinstance(arrays, dict) and (len(arrays) == 1 or "events" in arrays):
        arrays = arrays["events"] if "events" in arrays else next(iter(arrays.values()))
    if looks_like_events(arrays):
        return events_of(arrays, where)
    if not isinstance(arrays, dict):
        return _frames(arrays, where)
    frames = [arrays[name] for name in ("frames", "frame", "data") if name in arrays]
    if not frames:
        got = f"arrays {', '.join(arrays) or 'none'}"
        rule = "events x, y, p and t, or an array named frames"
        raise DataError(Problem(where, got, rule, CURE))
    return _frames(frames[0], where)


def _camera_events(path: Path) -> Events:
    """The events of a file of an event camera, in its own format.

    Raises:
        DataError: The file is damaged, or holds no event.
    """
    stream = read_events(path)
    if not len(stream):
        raise DataError(Problem(str(path), "no event", "at least one", "Delete the file and its label."))
    x, y, p = (each.astype(np.int64) for each in (stream.x, stream.y, stream.polarity))
    return Events(str(path), x, y, p, stream.t_us, "us", stream.size)


def read_large(path: Path) -> dict[str, Any] | Array:
    """What `read_arrays` gives; of files larger than memory, arrays that lie in files.

    Raises:
        DataError: See `read_arrays`.
        StoreError: See `arrays_of`.
    """
    if path.stat().st_size == 0 or _unpacked(path) <= FRAMES_IN_MEMORY:
        return read_arrays(path)
    try:
        found = np.load(path, mmap_mode="r")
    except (ValueError, OSError) as error:
        got, cure = _reason(path, " ".join(str(error).split()))
        raise DataError(Problem(str(path), got, RULE, cure)) from None
    if not is_archive(found):
        return found
    with found:
        return arrays_of(found, str(path))


def _unpacked(path: Path) -> int:
    """Bytes of all that is in a file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return path.stat().st_size


def read_arrays(path: Path) -> dict[str, Any] | Array:
    """The arrays of an archive by name, or the single array of a `.npy` file.

    Raises:
        DataError: The file is empty, damaged or pickled.
    """
    if path.stat().st_size == 0:
        raise DataError(Problem(str(path), "an empty file", RULE, "Copy it again, or delete it."))
    try:
        return load_arrays(path)
    except Damaged as error:
        got, cure = _reason(path, " ".join(str(error).split()))
        raise DataError(Problem(str(path), got, RULE, cure)) from None


def _reason(path: Path, error: str) -> tuple[str, str]:
    """Why a file cannot be read, and the cure."""
    with path.open("rb") as stream:
        start = stream.read(6)
    if "Object arrays" in error or start.startswith(b"\x80"):
        return "pickled Python objects", CURE
    if not start.startswith((b"PK", b"\x93NUMPY"[: len(start)])):
        return "a file that is neither, whatever its name says", CURE
    return f"a truncated or damaged file ({error[:80]})", "Copy it again, or delete it."


def _frames(value: Any, where: str) -> Array:
    frames = as_frames(value, where)
    if frames.size == 0:
        raise DataError(
            Problem(where, f"an array of shape {frames.shape}", "at least one number", "Delete it.")
        )
    return frames
