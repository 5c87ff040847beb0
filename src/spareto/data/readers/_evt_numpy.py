"""EVT 2.0 and EVT 3.0 in numpy: the twin of the C functions, which runs where there is no C."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spareto.data.readers._base import Bytes

Words = npt.NDArray[np.integer]
Rows = npt.NDArray[np.uint16]
Marks = npt.NDArray[np.bool_]
LOOP_THRESHOLD = 10
"""Counts by which the high bits of a time may run back without having run over."""

Decoded = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], Bytes, npt.NDArray[np.int64], int]
"""x, y, polarity, time in microseconds, and how many events came before any time."""


def evt2(content: Bytes) -> Decoded:
    """Decode words of 32 bits: kind in the high four, then six bits of time, x and y, or 28 bits of time."""
    words = np.frombuffer(content.tobytes(), "<u4")
    kinds = (words >> 28).astype(np.uint8)
    is_high, live = kinds == 8, kinds <= 1
    highs = np.flatnonzero(is_high)
    if not len(highs):
        return _nothing(int(np.count_nonzero(live)))
    early = int(np.count_nonzero(live[: highs[0]]))
    live[: highs[0]] = False
    place = np.flatnonzero(live)
    event = words[place]
    times = _held(_unrolled(words[highs] & 0x0FFFFFFF, 1 << 28) << 6, is_high, place)
    times += event >> 22 & 0x3F
    x, y = ((event >> shift).astype(np.uint16) & np.uint16(0x7FF) for shift in (11, 0))
    return x, y, kinds[place], times, early


def evt3(content: Bytes) -> Decoded:
    """Decode words of 16 bits, each of which changes one part of what the next event is."""
    words = np.frombuffer(content.tobytes(), "<u2")
    kinds = (words >> 12).astype(np.uint8)
    vectors = (kinds == 4) | (kinds == 5)
    emits = (kinds == 2) | vectors
    is_high, is_row = kinds == 8, kinds == 0
    highs, rows = np.flatnonzero(is_high), np.flatnonzero(is_row)
    if not len(highs) or not len(rows):
        return _nothing(int(np.count_nonzero(emits)))
    begin = max(int(highs[0]), int(rows[0]))
    early = int(np.count_nonzero(emits[:begin]))
    emits[:begin] = False
    place = np.flatnonzero(emits)
    times = _times(words, (kinds == 6) | is_high, highs, place)
    y = _held(words[rows] & np.uint16(0x7FF), is_row, place)
    chosen = words[place]
    x, polarity = chosen & np.uint16(0x7FF), (chosen >> 11).astype(np.uint8) & np.uint8(1)
    if not vectors.any():
        return x, y, polarity, times, early
    of_vector = np.flatnonzero(vectors[place])
    first, sign = _columns(words, kinds, vectors, place[of_vector])
    x[of_vector], polarity[of_vector] = first, sign
    which, column = _set_bits(chosen, kinds[place])
    return x[which] + column, y[which], polarity[which], times[which], early


def _held(values: npt.NDArray[Any], where: Marks, place: Words) -> npt.NDArray[Any]:
    """What stands at each place, if the marked words set these values one after the other.

    Every place has a marked word before it.
    """
    return values[np.cumsum(where, dtype=np.int32)[place] - 1]


def _times(words: Words, changes: Marks, highs: Words, place: Words) -> npt.NDArray[np.int64]:
    """Microseconds at each place: high and low bits; a new high part begins with low bits of zero."""
    of_change, number = np.flatnonzero(changes), np.cumsum(changes, dtype=np.int32)
    of_high = number[highs] - 1
    low = words[of_change] & np.uint16(0xFFF)
    low[of_high] = 0
    following = np.diff(of_high, prepend=0, append=len(low))
    following[1] += following[0]  # nothing before the first high part is kept
    clock = np.repeat(_unrolled(words[highs] & 0xFFF, 1 << 12) << 12, following[1:]) + low
    return clock[number[place] - 1]


def _set_bits(words: Rows, kinds: Bytes) -> tuple[npt.NDArray[np.intp], Rows]:
    """For each event which word it comes from, and how far it lies from that word's first column."""
    meant = np.array([0, 0, 0, 0, 0xFFF, 0xFF], "<u2")[kinds]
    bits = np.where(kinds == 2, np.uint16(1), words & meant).astype("<u2", copy=False)
    found = np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little").view(np.bool_))
    return found >> 4, found.astype(np.uint16) & np.uint16(15)


def _columns(words: Words, kinds: Bytes, vectors: Marks, place: Words) -> tuple[Rows, Rows]:
    """First column and polarity of the vectors at these places: those of the base, and what came since."""
    is_base = kinds == 3
    ends = np.append(0, np.cumsum(np.where(kinds[vectors] == 4, 12, 8)))
    number = np.cumsum(vectors, dtype=np.int32)
    base = words[np.flatnonzero(is_base)]
    start = np.append(0, (base & 0x7FF) - ends[number[np.flatnonzero(is_base)]])  # the first: no base yet
    sign = np.append(0, base >> 11 & 1).astype(np.uint16)
    which = np.cumsum(is_base, dtype=np.int32)[place]
    return (start[which] + ends[number[place] - 1]).astype(np.uint16), sign[which]


def _unrolled(counter: Words, loop: int) -> npt.NDArray[np.int64]:
    """A counter that has run over goes on rising; one that runs back a little stays as it is."""
    counter = counter.astype(np.int64)
    over = np.diff(counter, prepend=counter[:1]) <= -(loop - 1 - LOOP_THRESHOLD)
    return counter + np.cumsum(over) * loop


def _nothing(early: int) -> Decoded:
    empty = np.empty(0, np.uint16)
    return empty, empty, np.empty(0, np.uint8), np.empty(0, np.int64), early
