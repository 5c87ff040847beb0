"""Prophesee's RAW: a header of text, then words of EVT 2.0 or EVT 3.0."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from spareto.data.readers._base import Bytes, EventReader, EventStream, last_set

Words = npt.NDArray[np.integer]
Rows = npt.NDArray[np.uint16]
LOOP_THRESHOLD = 10
"""Counts by which the high bits of a time may run back without having run over."""


class PropheseeRaw(EventReader):
    """Events of change detection; triggers and what the camera says of itself are left out.

    Events before the first time are left out, too, as Prophesee's own decoder does.

    Reference:
        prophesee2024; the decoders of OpenEB.
    """

    title = "Prophesee RAW (EVT2, EVT3)"
    suffixes = (".raw",)
    expansion = 256  # a word of two bytes holds up to twelve events

    @classmethod
    def knows(cls, start: bytes) -> bool:
        """See `EventReader.knows`; other files of Prophesee begin alike and are known by their names."""
        return start.startswith((b"% evt ", b"% camera_integrator", b"% date ", b"% format EVT"))

    @override
    def read(self, path: Path) -> EventStream:
        content = self.content(path)
        lines, begin = self.text_lines(path, content, b"%", "% end")
        version = _version(lines)
        if version not in ("2.0", "3.0"):
            got = f"EVT {version}" if version else "no format in its header"
            raise self.refused(path, got, "% evt 2.0 or % evt 3.0", "Convert it with Metavision.")
        size = 4 if version == "2.0" else 2
        rest = content[begin:]
        if len(rest) % size:
            raise self.refused(path, f"{len(rest):,} bytes of events", f"a whole number of {size}-byte words")
        decode = evt2 if version == "2.0" else evt3
        x, y, polarity, times, early = decode(rest)
        note = (f"{early:,} events before the first time are left out.",) if early else ()
        return EventStream(str(path), x, y, polarity, times, _size(lines), note)


Decoded = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], Bytes, npt.NDArray[np.int64], int]
"""x, y, polarity, time in microseconds, and how many events came before any time."""


def evt2(content: Bytes) -> Decoded:
    """Decode words of 32 bits: kind in the high four, then six bits of time, x and y, or 28 bits of time."""
    words = np.frombuffer(content.tobytes(), "<u4")
    kinds = words >> 28
    is_high = kinds == 8
    if not is_high.any():
        return _nothing(int((kinds <= 1).sum()))
    high = _unrolled(last_set(words & 0x0FFFFFFF, is_high), 1 << 28)
    live = kinds <= 1
    early = int(live[: np.argmax(is_high)].sum())
    live[: np.argmax(is_high)] = False
    event = words[live]
    times = (high[live] << 6) + (event >> 22 & 0x3F)
    x, y = ((event >> shift & 0x7FF).astype(np.uint16) for shift in (11, 0))
    return x, y, (event >> 28).astype(np.uint8), times, early


def evt3(content: Bytes) -> Decoded:
    """Decode words of 16 bits, each of which changes one part of what the next event is."""
    words = np.frombuffer(content.tobytes(), "<u2")
    kinds = (words >> 12).astype(np.uint8)
    emits = (kinds == 2) | (kinds == 4) | (kinds == 5)
    highs, rows = np.flatnonzero(kinds == 8), np.flatnonzero(kinds == 0)
    if not len(highs) or not len(rows):
        return _nothing(int(emits.sum()))
    begin = max(int(highs[0]), int(rows[0]))
    early = int(emits[:begin].sum())
    emits[:begin] = False
    place = np.flatnonzero(emits)
    times = _times(words, kinds, highs, place)
    y = (words[rows] & 0x7FF).astype(np.uint16)[_before(kinds == 0, place)]
    return *_spread(words, kinds, place, y, times), early


def _before(marked: npt.NDArray[np.bool_], place: Words) -> npt.NDArray[np.intp]:
    """For each place, which of the marked words is the last one before it; -1 where none is."""
    return np.cumsum(marked, dtype=np.int32)[place].astype(np.intp) - 1


def _times(words: Words, kinds: Bytes, highs: Words, place: Words) -> npt.NDArray[np.int64]:
    """Microseconds at each place: high and low bits; a new high part begins with low bits of zero."""
    high = _unrolled(words[highs] & 0xFFF, 1 << 12) << 12
    changes = (kinds == 6) | (kinds == 8)
    of_low = np.flatnonzero(changes)
    low = np.where(kinds[of_low] == 6, words[of_low] & 0xFFF, 0).astype(np.int64)
    total = high[np.maximum(_before(kinds == 8, of_low), 0)] + low
    return total[_before(changes, place)]


def _spread(
    words: Words, kinds: Bytes, place: Words, rows: Rows, times: npt.NDArray[np.int64]
) -> tuple[Rows, Rows, Bytes, npt.NDArray[np.int64]]:
    """One event for every single word and every bit that is set in a vector."""
    chosen = words[place]
    x, polarity = (chosen & 0x7FF).astype(np.uint16), (chosen >> 11 & 1).astype(np.uint8)
    vector = kinds[place] != 2
    if not vector.any():
        return x, rows, polarity, times
    first, sign = _columns(words, kinds, place[vector])
    x[vector], polarity[vector] = first.astype(np.uint16), sign
    bits = np.ones(len(place), "<u2")
    bits[vector] = np.where(kinds[place[vector]] == 4, chosen[vector] & 0xFFF, chosen[vector] & 0xFF)
    each = np.bitwise_count(bits).astype(np.int64)
    x = np.repeat(x, each)
    spread = np.unpackbits(bits[vector].view(np.uint8).reshape(-1, 2), axis=1, bitorder="little")
    x[np.repeat(vector, each)] += (np.flatnonzero(spread) & 15).astype(np.uint16)
    return x, np.repeat(rows, each), np.repeat(polarity, each), np.repeat(times, each)


def _columns(words: Words, kinds: Bytes, place: Words) -> tuple[Words, Words]:
    """The first column of each vector, and its polarity: those of the last base, and what came since."""
    is_base = kinds == 3
    bases = np.flatnonzero(is_base)
    steps = np.zeros(16, np.int32)
    steps[[4, 5]] = 12, 8
    moved = steps[kinds]
    passed = np.cumsum(moved, dtype=np.int64) - moved
    base = np.append((words[bases] & 0x7FF) - passed[bases], 0)  # -1 is the last: no base yet
    sign = np.append(words[bases] >> 11 & 1, 0)
    which = _before(is_base, place)
    return base[which] + passed[place], sign[which]


def _unrolled(counter: Words, loop: int) -> npt.NDArray[np.int64]:
    """A counter that has run over goes on rising; one that runs back a little stays as it is."""
    counter = counter.astype(np.int64)
    over = np.diff(counter, prepend=counter[:1]) <= -(loop - 1 - LOOP_THRESHOLD)
    return counter + np.cumsum(over) * loop


def _nothing(early: int) -> Decoded:
    empty = np.empty(0, np.uint16)
    return empty, empty, np.empty(0, np.uint8), np.empty(0, np.int64), early


def _version(lines: list[str]) -> str | None:
    """The version of the words, as old and new headers write it."""
    for line in lines:
        found = re.match(r"%\s*evt\s+(\d\.\d)", line) or re.match(r"%\s*format\s+EVT(\d)", line)
        if found:
            return found[1] if "." in found[1] else f"{found[1]}.0"
    return None


def _size(lines: list[str]) -> tuple[int, int] | None:
    """Height and width, if the header says them."""
    text = "\n".join(lines)
    geometry = re.search(r"%\s*geometry\s+(\d{1,5})x(\d{1,5})", text)
    if geometry:
        return int(geometry[2]), int(geometry[1])
    found = re.search(r"height=(\d{1,5});width=(\d{1,5})", text)
    return (int(found[1]), int(found[2])) if found else None
