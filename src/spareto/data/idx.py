"""Read the idx files in which MNIST and its relatives come, as bytes, packed with gzip or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spareto.core.errors import DataError, Problem
from spareto.data.folder import require

UNSIGNED_BYTES = 0x08
LARGEST = 1 << 30
"""Bytes of an array, twenty times those of MNIST's relatives."""


def read_idx(path: Path, axes: int, cure: str) -> npt.NDArray[np.uint8]:
    """Read an array of unsigned bytes.

    The file begins with two zero bytes, the type of its values and the number of axes, then the length of
    each axis as a big-endian 32-bit integer.

    Args:
        path: The file; `.gz` is unpacked.
        axes: Number of axes it must have.
        cure: What to do where it is missing or broken.

    Raises:
        DataError: The file is missing, truncated, or holds something else.
    """
    what = f"an idx file of bytes with {axes} {'axis' if axes == 1 else 'axes'}"
    require(path, what, cure)
    start = 4 + 4 * axes
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            header = stream.read(start)
            if len(header) < start or header[:4] != bytes((0, 0, UNSIGNED_BYTES, axes)):
                got = f"a file that begins with {header[:4].hex(' ') or 'nothing'}"
                raise DataError(Problem(str(path), got, what, cure))
            shape = struct.unpack(f">{axes}I", header[4:])
            count = math.prod(shape)
            if count > LARGEST:
                raise DataError(Problem(str(path), f"{count:,} values", f"at most {LARGEST:,}", cure))
            content = stream.read(count + 1)  # no more than the header says, whatever it unpacks to
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(Problem(str(path), f"a truncated or damaged file ({error})", what, cure)) from None
    if len(content) != count:
        got = f"{len(content):,} values" if len(content) < count else "more values"
        raise DataError(Problem(str(path), got, f"{count:,}, as its header says", cure))
    return np.frombuffer(content, np.uint8).reshape(shape).copy()
