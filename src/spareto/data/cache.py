"""Arrays kept on disk with their hash; an entry that does not match its hash is made again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from spareto.core.archives import load_arrays
from spareto.core.artifacts import replacing
from spareto.data.paging import has_read

Arrays = dict[str, npt.NDArray[Any]]
IN_MEMORY = 1 << 30
"""Bytes of frames that are read into memory; more are mapped from the cache."""

PART_BYTES = 1 << 26
"""Bytes of frames that are made at once."""

ENVIRONMENT = "SPARETO_CACHE"
STEP = 1 << 24
"""Bytes that are hashed at once."""
HASH = "content_hash"
SHAPE_OF_BITS = "_shape"


def cache_folder(cache: Path | None) -> Path:
    """The folder asked for; left out, SPARETO_CACHE, else the user's cache folder."""
    return cache or Path(os.environ.get(ENVIRONMENT) or platformdirs.user_cache_dir("spareto"))


def content_hash(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 of names, types, shapes and values, shortened to 16 digits."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        flat, few = array.reshape(-1), max(1, STEP // max(1, array.itemsize))
        for first in range(0, len(flat), few):
            digest.update(flat[first : first + few].data)
            has_read(few * array.itemsize)
    return digest.hexdigest()[:16]


def write_cache(path: Path, arrays: Arrays) -> None:
    """Write the arrays and their hash atomically; arrays of bytes 0 and 1 take one bit per element."""
    stored: dict[str, Any] = {HASH: np.array(content_hash(arrays))}
    for name, array in arrays.items():
        if array.dtype == np.uint8 and array.max(initial=0) <= 1:
            stored[name] = np.packbits(array)
            stored[name + SHAPE_OF_BITS] = np.array(array.shape, np.int64)
        else:
            stored[name] = array
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **stored)


def read_cache(path: Path) -> Arrays | None:
    """The arrays as they were written, or None if there are none or the file is damaged."""
    try:
        stored = load_arrays(path)
        if not isinstance(stored, dict):
            return None
        written = str(stored.pop(HASH))
        arrays = {name: _unpack(name, stored) for name in stored if not name.endswith(SHAPE_OF_BITS)}
    except Exception:  # a damaged archive fails in many ways, and all mean the same: make it anew
        return None
    return arrays if content_hash(arrays) == written else None


def _unpack(name: str, stored: Arrays) -> npt.NDArray[Any]:
    shape = stored.get(name + SHAPE_OF_BITS)
    if shape is None:
        return stored[name]
    return np.unpackbits(stored[name], count=int(np.prod(shape))).reshape(tuple(shape.tolist()))
