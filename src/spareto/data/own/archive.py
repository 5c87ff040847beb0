"""The arrays of an archive that a user's function returns: large ones stay in the file, or go to one."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy

from spareto.core.errors import DataError, Problem
from spareto.data import mapped
from spareto.data.own.arrays import Array
from spareto.data.paging import watched

_HEAD: Final = 30
"""Bytes of a member's own header, before its name."""


def is_archive(value: Any) -> bool:
    """Whether this is what `numpy.load` gives of an `.npz` file."""
    return isinstance(value, np.lib.npyio.NpzFile)


def arrays_of(archive: np.lib.npyio.NpzFile, where: str) -> dict[str, Array]:
    """All arrays by name. A large one is mapped from the archive; if it is packed, from a file in the cache.

    Args:
        archive: What `numpy.load` gave.
        where: For messages.

    Raises:
        DataError: The archive is damaged, or holds Python objects.
        StoreError: The disk is full, or may not be written to.
    """
    packed = archive.zip
    if packed is None:
        cure = "Return it without closing it, or return its arrays."
        raise DataError(Problem(where, "an archive that is closed", "an open one", cure))
    path = Path(packed.filename) if packed.filename else None
    try:
        members = {each.filename.removesuffix(".npy"): each for each in packed.infolist()}
        return {name: _array(packed, member, path) for name, member in members.items()}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError) as error:
        got = f"an archive that cannot be read ({' '.join(str(error).split())[:80]})"
        raise DataError(
            Problem(where, got, "arrays of numbers", "Save it again, or check the file.")
        ) from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path | None) -> Array:
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        read: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, kind = read(stream)
        if kind.hasobject:
            raise ValueError("Python objects")
        begin, size = stream.tell(), math.prod(shape) * kind.itemsize
        if size > member.file_size:
            raise ValueError(f"an array of {size:,} bytes in {member.file_size:,}")
        if size > mapped.FRAMES_IN_MEMORY and member.compress_type == zipfile.ZIP_STORED and path is not None:
            for some in mapped.in_steps(size, size):  # the checksum is compared behind the last one
                stream.read(some.stop - some.start)
            _refuse_more(stream)
            place, order = _begin(path, member) + begin, "F" if fortran else "C"
            return watched(np.memmap(path, kind, "r", offset=place, shape=shape, order=order))
        flat = mapped.room_for((math.prod(shape),), kind)
        for some in mapped.in_steps(len(flat), size):
            count = (some.stop - some.start) * kind.itemsize
            piece = stream.read(count)
            if len(piece) < count:
                raise ValueError("an array that ends too early")
            flat[some] = np.frombuffer(piece, kind)
        _refuse_more(stream)
    return flat.reshape(shape, order="F" if fortran else "C")


def _refuse_more(stream: IO[bytes]) -> None:
    if stream.read(1):
        raise ValueError("bytes behind an array")


def _begin(path: Path, member: zipfile.ZipInfo) -> int:
    """Where the content of a member begins that is stored as it is."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        name, extra = struct.unpack("<HH", file.read(_HEAD)[26:])
    return member.header_offset + _HEAD + name + extra
