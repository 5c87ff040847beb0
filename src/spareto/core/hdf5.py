"""What HDF5 itself does not check in a file: it reads some damaged heaps forever, and believes lengths."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

DEEPEST: Final = 24
MOST_OBJECTS: Final = 100_000
DENSEST: Final = 1100
"""Bytes that one stored byte may stand for: what gzip reaches at most."""

LARGEST: Final = 1 << 34
"""Bytes of all arrays of a file."""

_SUPERBLOCK: Final = b"\x89HDF\r\n\x1a\n"
_HEAP: Final = b"GCOL\x01"
_HEADER: Final = 16
"""Bytes before a heap's first object, and before each object's content."""


class Content:
    """Groups as dicts, arrays as numpy's, texts as `str`, within bounds; nothing of another file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._h5py: Any = import_module("h5py")
        self._path, self._objects, self._bytes = path, 0, 0

    def read(self, name: str) -> dict[str, Any]:
        """All that lies in a group.

        Raises:
            ValueError: It is not within bounds. What h5py raises of a damaged file comes as it is.
        """
        check_heaps(self._path)
        with self._h5py.File(self._path, "r") as file:
            return self._group(file[name], 0)

    def _group(self, group: Any, depth: int) -> dict[str, Any]:
        if depth > DEEPEST or not isinstance(group, self._h5py.Group):
            raise ValueError(f"groups more than {DEEPEST} deep, or an array in the place of one")
        found: dict[str, Any] = {}
        for name in group:
            self._objects += 1
            if self._objects > MOST_OBJECTS:
                raise ValueError(f"more than {MOST_OBJECTS:,} objects")
            if not isinstance(group.get(name, getlink=True), self._h5py.HardLink):
                raise ValueError("a link to somewhere else")
            item = group[name]
            found[str(name)] = (
                self._array(item) if isinstance(item, self._h5py.Dataset) else self._group(item, depth + 1)
            )
        return found

    def _array(self, dataset: Any) -> Any:
        if dataset.shape is None or dataset.is_virtual or dataset.external:
            raise ValueError("an array whose content is elsewhere")
        size = int(dataset.size) * max(dataset.dtype.itemsize, 1)
        self._bytes += size
        stored = dataset.id.get_storage_size()
        if size > DENSEST * stored + 4096 or self._bytes > LARGEST:
            raise ValueError(f"an array of {size:,} bytes of which {stored:,} are stored")
        check_lengths(self._path, dataset)
        value = dataset[()]
        if isinstance(value, bytes):
            return value.decode("utf-8")
        return value if dataset.dtype != object or isinstance(value, str) else _texts(value)


def _texts(values: Any) -> Any:
    texts = [each.decode("utf-8") if isinstance(each, bytes) else str(each) for each in values.flat]
    return np.array(texts, dtype=object).reshape(values.shape)


def check_heaps(path: Path) -> None:
    """Look through the heaps of texts and arrays of varying length.

    HDF5 walks through a heap object by object, and stays where one takes no room.

    Raises:
        ValueError: A heap's objects do not fill it, or the file's lengths are not of 8 bytes.
        OSError: The file cannot be read.
    """
    about = path.stat()
    _checked(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _checked(path: Path, size: int, changed: int) -> None:
    if not size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if (width := _length_bytes(content)) not in (8, None):
            raise ValueError(f"lengths of {width} bytes")
        at = content.find(_HEAP)
        while at >= 0:
            end = at + _number(content, at + 8, 8)
            if at + _HEADER <= end <= len(content):  # others HDF5 refuses itself
                _walk(content, at + _HEADER, end)
            at = content.find(_HEAP, at + len(_HEAP))


def _length_bytes(content: mmap.mmap) -> int | None:
    """Bytes of a length, which the superblock says; it lies at 0, 512, 1024, ..."""
    at = 0
    while content[at : at + 8] != _SUPERBLOCK:
        at = 2 * at or 512
        if at >= len(content):
            return None
    return _number(content, at + (14 if content[at + 8 : at + 9] < b"\x02" else 10), 1)


def _walk(content: mmap.mmap, at: int, end: int) -> None:
    while at + _HEADER <= end:
        number, length = _number(content, at, 2), _number(content, at + 8, 8)
        room = _HEADER + -(-length // 8) * 8 if number else length
        if not _HEADER <= room <= end - at:
            raise ValueError(f"a heap of texts or arrays with an object of {length:,} bytes")
        at += room


def check_lengths(path: Path, dataset: Any) -> None:
    """Look at the lengths of texts or arrays: HDF5 takes the memory before it finds that they lie.

    Those that are stored packed are not looked at.

    Args:
        path: The file.
        dataset: Of h5py, in it; of numbers it is left alone.

    Raises:
        ValueError: One is longer than the file, or they do not lie side by side.
    """
    if dataset.dtype != object or not dataset.size:
        return
    most = path.stat().st_size
    width = dataset.id.get_type().get_size()
    with path.open("rb") as file:
        for offset, size in _pieces(dataset):
            file.seek(offset)
            raw = np.frombuffer(file.read(size), np.uint8)
            if width < 4 or len(raw) % width:
                raise ValueError("texts or arrays that do not lie side by side")
            lengths = raw.reshape(-1, width)[:, :4].copy().view("<u4")
            if (longest := int(lengths.max(initial=0))) > most:
                raise ValueError(f"a text or an array of {longest:,} parts")


def _pieces(dataset: Any) -> Iterator[tuple[int, int]]:
    """Where the lengths are stored, and how many bytes."""
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is None:
            raise ValueError("texts or arrays that do not lie side by side")
        yield offset, dataset.id.get_storage_size()
    elif not dataset.id.get_create_plist().get_nfilters():
        for number in range(dataset.id.get_num_chunks()):
            chunk = dataset.id.get_chunk_info(number)
            yield chunk.byte_offset, chunk.size


def _number(content: mmap.mmap, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")
