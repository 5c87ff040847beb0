"""Arrays that begin with a cache line: a vector that lies in two lines takes as long as two."""

from __future__ import annotations

from math import prod
from typing import Any, Final

import numpy as np

from spareto.integer.network import Ints

LINE: Final = 64
"""Bytes of a cache line, and of the widest vector."""


def room(shape: tuple[int, ...], kind: Any) -> Ints:
    """An array that is not filled."""
    size = prod(shape) * np.dtype(kind).itemsize
    raw = np.empty(size + LINE, np.uint8)
    begin = -raw.ctypes.data % LINE
    return raw[begin : begin + size].view(kind).reshape(shape)


def laid(values: Ints) -> Ints:
    """The same numbers, in an array that begins with a line."""
    found = room(values.shape, values.dtype)
    found[...] = values
    return found
