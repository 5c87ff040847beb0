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
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(Problem(str(path), f"a truncated or damaged file ({error})", what, cure)) from None
    start = 4 + 4 * axes
    if len(content) < start or content[:4] != bytes((0, 0, UNSIGNED_BYTES, axes)):
        got = f"a file that begins with {content[:4].hex(' ') or 'nothing'}"
        raise DataError(Problem(str(path), got, what, cure))
    shape = struct.unpack(f">{axes}I", content[4:start])
    values = np.frombuffer(content, np.uint8, offset=start)
    if values.size != math.prod(shape):
        got, rule = f"{values.size:,} values", f"{math.prod(shape):,}, as its header says"
        raise DataError(Problem(str(path), got, rule, cure))
    return values.reshape(shape).copy()
