"""Files of event cameras, one file per format, decoded to events; never imports torch."""

from __future__ import annotations

from pathlib import Path

from spareto.core.artifacts import there
from spareto.core.errors import DataError, Problem
from spareto.core.registry import Registry
from spareto.data.readers._base import Disorder as Disorder
from spareto.data.readers._base import EventReader as EventReader
from spareto.data.readers._base import EventStream as EventStream

registry: Registry[EventReader] = Registry("spareto.data.readers", EventReader, "format of event files")
START = 64
"""Bytes by which a format is recognized."""


def read_events(path: Path, *, disorder: Disorder = "refuse") -> EventStream:
    """The events of a file in order of time; its first bytes tell the format, else how its name ends.

    Args:
        path: The file.
        disorder: Refuse times that run back, or sort the events.

    Raises:
        DataError: The file is missing, of no known format, damaged, or its times run back.
        MissingDependency: Its format is read by a package that is not installed.
    """
    return reader_of(path).read(path).in_order(disorder)


def reader_of(path: Path) -> EventReader:
    """The reader of a file.

    Raises:
        DataError: The file is missing, or of no known format.
    """
    if not there(path):
        raise DataError(Problem(str(path), "no such file", "a file of events", "Check the path."))
    with path.open("rb") as stream:
        start = stream.read(START)
    readers = [registry.get(name) for name in registry.names()]
    known = [reader for reader in readers if reader.knows(start)]
    known += [reader for reader in readers if path.suffix.lower() in reader.suffixes]
    if not known:
        rule = "one of " + ", ".join(reader.title for reader in readers)
        cure = "Save it as .npz with x, y, p and t, or with the camera's own program."
        raise DataError(Problem(str(path), "a file of no known format", rule, cure))
    return known[0]()


def suffixes() -> tuple[str, ...]:
    """How files of events end, in lower case."""
    names = (suffix for name in registry.names() for suffix in registry.get(name).suffixes)
    return tuple(sorted(set(names)))
