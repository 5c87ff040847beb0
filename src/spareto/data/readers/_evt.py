"""EVT 2.0 and EVT 3.0 in one pass, in C; `_evt_numpy.py` where no C library can be used."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from spareto.data.readers import _evt_numpy
from spareto.data.readers._base import Bytes
from spareto.data.readers._evt_numpy import Decoded
from spareto.native.loading import numpy_is_asked_for, runtime_library


def evt2(content: Bytes) -> Decoded:
    """Decode words of 32 bits; see `_evt_numpy.evt2`."""
    library = _library()
    if library is None:
        return _evt_numpy.evt2(content)
    words = np.frombuffer(content.tobytes(), "<u4")
    return _filled(library.spareto_evt2, words, len(words))


def evt3(content: Bytes) -> Decoded:
    """Decode words of 16 bits; see `_evt_numpy.evt3`."""
    library = _library()
    if library is None:
        return _evt_numpy.evt3(content)
    words = np.frombuffer(content.tobytes(), "<u2")
    room = np.zeros(1, np.int64)
    library.spareto_evt3_room(_at(words), ctypes.c_int64(len(words)), _at(room))
    return _filled(library.spareto_evt3, words, int(room[0]))


def _filled(decode: Any, words: npt.NDArray[Any], room: int) -> Decoded:
    """What a C function decodes, at most `room` events; pages that it leaves untouched take no memory."""
    x, y = np.empty(room, np.uint16), np.empty(room, np.uint16)
    polarity, times, found = np.empty(room, np.uint8), np.empty(room, np.int64), np.zeros(2, np.int64)
    decode(_at(words), ctypes.c_int64(len(words)), _at(x), _at(y), _at(polarity), _at(times), _at(found))
    made, early = found.tolist()
    return x[:made], y[:made], polarity[:made], times[:made], early


def _at(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _library() -> ctypes.CDLL | None:
    """None where `SPARETO_RUNTIME` is `numpy`, or the library cannot be had."""
    return None if numpy_is_asked_for() else runtime_library()[0]
