"""Pages of mapped files: what was read counts as this process's memory until it is let go."""

from __future__ import annotations

import mmap
import weakref
from contextlib import suppress
from typing import Any, Final

import numpy.typing as npt

KEPT: Final = 1 << 28
"""Bytes that are read before the pages of all watched files are let go; the system may still keep them."""

_watched: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
_read = 0


def watched(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array; if it is mapped from a file, its pages are let go from time to time."""
    mapping = getattr(array, "_mmap", None)
    if isinstance(mapping, mmap.mmap) and getattr(array, "mode", "c") != "c":  # "c": changes are in no file
        _watched.add(mapping)
    return array


def has_read(size: int) -> None:
    """Count bytes that were read or written, and let pages go where these were many."""
    global _read
    _read += size
    if _read > KEPT and hasattr(mmap, "MADV_DONTNEED"):
        _read = 0
        for mapping in list(_watched):
            with suppress(ValueError, OSError):  # closed, or not for this system
                mapping.madvise(mmap.MADV_DONTNEED)
