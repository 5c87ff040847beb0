"""Prophesee's RAW: a header of text, then words of EVT 2.0 or EVT 3.0."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spareto.data.readers._base import Bytes, EventReader, Stream, last_set

Words = npt.NDArray[np.integer]
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

    def read(self, path: Path) -> Stream:
        """See `EventReader.read`."""
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
        return Stream(str(path), x, y, polarity, times, _size(lines), note)


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
    is_high, is_row = kinds == 8, kinds == 0
    counts = np.zeros(16, np.int64)
    counts[[2, 4, 5]] = 1, 12, 8
    emits = counts[kinds] > 0
    if not is_high.any() or not is_row.any():
        return _nothing(int(emits.sum()))
    times = _times(words, kinds, is_high)
    rows = last_set(words & 0x7FF, is_row)
    begin = max(int(np.argmax(is_high)), int(np.argmax(is_row)))
    early = int(emits[:begin].sum())
    columns, polarity = _columns(words, kinds, counts)
    emits[:begin] = False
    place = np.flatnonzero(emits)
    return *_spread(words, kinds, place, columns, rows, polarity, times), early


def _times(words: Words, kinds: Bytes, is_high: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Microseconds at each word: high and low bits; a new high part begins with low bits of zero."""
    high = _unrolled(last_set(words & 0xFFF, is_high), 1 << 12)
    is_low = kinds == 6
    low = last_set(np.where(is_low, words & 0xFFF, 0), is_low | is_high)
    return (high << 12) + low


def _columns(words: Words, kinds: Bytes, counts: npt.NDArray[np.int64]) -> tuple[Words, Bytes]:
    """The first column of each word that holds events, and its polarity."""
    is_base, is_single = kinds == 3, kinds == 2
    moved = np.where(kinds == 2, 0, counts[kinds])
    before = np.cumsum(moved) - moved
    if is_base.any():
        base = last_set((words & 0x7FF).astype(np.int64) - before, is_base)
        polarity = last_set((words >> 11 & 1).astype(np.uint8), is_base)
    else:
        base, polarity = np.zeros(len(words), np.int64), np.zeros(len(words), np.uint8)
    columns = np.where(is_single, words & 0x7FF, base + before)
    return columns, np.where(is_single, words >> 11 & 1, polarity).astype(np.uint8)


def _spread(
    words: Words,
    kinds: Bytes,
    place: Words,
    columns: Words,
    rows: Words,
    polarity: Bytes,
    times: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], Bytes, npt.NDArray[np.int64]]:
    """One event for every single word and every bit that is set in a vector."""
    chosen = words[place]
    bits = np.where(kinds[place] == 2, 1, np.where(kinds[place] == 4, chosen & 0xFFF, chosen & 0xFF))
    spread = np.unpackbits(bits.astype("<u2").view(np.uint8).reshape(-1, 2), axis=1, bitorder="little")
    which, offset = np.nonzero(spread)
    source = place[which]
    x = (columns[source] + offset).astype(np.uint16)
    return x, rows[source].astype(np.uint16), polarity[source], times[source]


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
