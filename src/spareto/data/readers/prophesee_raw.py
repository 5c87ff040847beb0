"""Prophesee's RAW: a header of text, then words of EVT 2.0 or EVT 3.0."""

from __future__ import annotations

import re
from pathlib import Path

from typing_extensions import override

from spareto.data.readers._base import EventReader, EventStream
from spareto.data.readers._evt import evt2, evt3


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
