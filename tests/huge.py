"""Tensors of more than 2^31 elements in little memory: the same pages over and over, but for the last part.

A kernel that counts places in 32 bits reads and writes elsewhere, and gets the last part wrong.
"""

import ctypes
import math
import mmap
import os

import numpy as np
import torch

BEYOND = 1 << 31
_C = ctypes.CDLL(None, use_errno=True)
_C.mmap.restype = ctypes.c_void_p
_C.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
_FIXED, _ANYWHERE = 0x10, None
_ITEM = {torch.float32: (ctypes.c_float, 4), torch.int64: (ctypes.c_int64, 8)}


def _map(address, size, flags, file, offset):
    found = _C.mmap(address, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, file, offset)
    if found in (None, ctypes.c_void_p(-1).value):
        raise MemoryError(os.strerror(ctypes.get_errno()))
    return found


def tensor(*shape, part, planes=1, dtype=torch.float32):
    """A tensor whose first axis is `planes` times as many equal parts and a last one of its own.

    Args:
        shape: Its shape.
        part: Rows of the first axis in a part, whole pages of memory; elements, if the axis is `planes` long.
        planes: The first axis is so many sequences of parts, with memory of their own.
        dtype: Type of its elements.
    """
    kind, item = _ITEM[dtype]
    rest = math.prod(shape[1:]) if shape[0] > planes else 1
    size, total = part * rest * item, math.prod(shape) * item
    count = total // planes // size
    assert size % mmap.PAGESIZE == 0
    assert count * size * planes == total
    file = os.memfd_create("huge")
    os.truncate(file, 2 * size * planes)
    start = _map(_ANYWHERE, total, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0)
    for plane in range(planes):
        for place in range(count):
            offset = size * (2 * plane + (place == count - 1))
            _map(start + size * (plane * count + place), size, mmap.MAP_SHARED | _FIXED, file, offset)
    os.close(file)
    numbers = np.ctypeslib.as_array((kind * (total // item)).from_address(start))
    return torch.from_numpy(numbers).view(shape)  # never unmapped: the process that makes it ends soon


def fill(whole, part, values):
    """Put values of two parts, the first and the last, `(2, part, ...)`, along the first axis."""
    whole[:part], whole[-part:] = values[0], values[1]
    return whole


def ends(whole, part):
    """The first part and the last, one after the other."""
    return torch.cat([whole[:part], whole[-part:]])
