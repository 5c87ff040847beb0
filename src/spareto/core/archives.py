"""Compressed content of strangers: it takes the memory that it declares, and that is bounded."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

LARGEST: Final = 1 << 32
"""Bytes of all arrays of a file together."""

MOST_ARRAYS: Final = 10_000
_STEP: Final = 1 << 20

Arrays = dict[str, npt.NDArray[Any]]


class Damaged(Exception):  # noqa: N818 - reads as what it is
    """An archive that cannot be read; says why."""


def inflated_size(packed: bytes, most: int) -> int:
    """How many bytes zlib-compressed data stands for, counted without keeping them; `most + 1` if more.

    Raises:
        ValueError: The data is damaged, or something follows it.
    """
    stream, count, rest = zlib.decompressobj(), 0, packed
    try:
        while not stream.eof and count <= most:
            count += len(stream.decompress(rest, _STEP))
            rest = stream.unconsumed_tail
            if not rest and not stream.eof:
                count += len(stream.flush())
                break
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if count > most:
        return most + 1
    if not stream.eof or stream.unused_data:
        raise ValueError("it ends too early, or too late")
    return count


def inflated(packed: bytes, size: int) -> bytearray:
    """What zlib-compressed data stands for, which should be `size` bytes; one byte more if it is longer.

    Raises:
        ValueError: The data is damaged, ends too early, or something follows it.
    """
    stream, content, rest = zlib.decompressobj(), bytearray(), packed
    try:
        while not stream.eof and len(content) <= size:
            piece = stream.decompress(rest, min(_STEP, size + 1 - len(content)))
            rest = stream.unconsumed_tail
            content += piece
            if not piece and not rest:
                break
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(content) <= size and (not stream.eof or stream.unused_data):
        raise ValueError("it ends too early, or too late")
    return content


def refuse_packed(path: Path) -> None:
    """Refuse a zip archive whose members are more than the file: torch packs none of what it saves.

    Raises:
        Damaged: They are, and reading them would take more memory than the file's size calls for.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise Damaged(" ".join(str(error).split())[:80]) from None
    size = path.stat().st_size
    if unpacked > size:
        raise Damaged(f"{unpacked:,} bytes packed into {size:,}")


def load_arrays(path: Path, names: tuple[str, ...] | None = None) -> Arrays | npt.NDArray[Any]:
    """The arrays of an `.npz` archive by name, or the single array of an `.npy` file; nothing in it is run.

    Args:
        path: The file.
        names: Arrays to read of an archive; all of them if left out.

    Raises:
        Damaged: It is none, is cut off, holds Python objects, or declares more than it holds.
    """
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"PK"
            stream.seek(0)
            if not packed:
                return _array(stream, path.stat().st_size)
            with zipfile.ZipFile(stream) as archive:
                return _members(archive, names)
    except Damaged:
        raise
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from None
    except MemoryError:
        raise Damaged("more than there is memory for") from None
    except Exception as error:  # a damaged archive fails in many ways
        raise Damaged(" ".join(str(error).split())[:120] or type(error).__name__) from None


def _members(archive: zipfile.ZipFile, names: tuple[str, ...] | None) -> Arrays:
    members = archive.infolist()
    if len(members) > MOST_ARRAYS:
        raise Damaged(f"{len(members):,} members of an archive; {MOST_ARRAYS:,} at most are read")
    found: Arrays = {}
    left = LARGEST
    for member in members:
        name = member.filename.removesuffix(".npy")
        if names is None or name in names:
            if name in found:
                raise Damaged(f"the array '{name[:40]}' twice")
            with archive.open(member) as stream:
                found[name] = _array(stream, min(member.file_size, left))
            left -= found[name].nbytes
    return found


def _array(stream: IO[bytes], size: int) -> npt.NDArray[Any]:
    """One array, whose header may declare no more than the bytes behind it."""
    version = npy.read_magic(stream)
    read: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise Damaged("Object arrays, which only running code could read")
    count = math.prod(shape) * dtype.itemsize
    if count > min(size, LARGEST):
        raise Damaged(f"an array of {count:,} bytes in a file of {size:,}")
    array: npt.NDArray[Any] = np.empty(math.prod(shape), dtype)
    room, got = array.view(np.uint8) if count else array, 0
    while got < count and (piece := stream.read(min(_STEP, count - got))):
        room[got : got + len(piece)] = np.frombuffer(piece, np.uint8)
        got += len(piece)
    if got < count:
        raise Damaged(f"{got:,} bytes of an array of {count:,}")
    if stream.read(1):
        raise Damaged("bytes behind its array")
    return array.reshape(shape, order="F" if fortran else "C")
