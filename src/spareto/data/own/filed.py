"""Recordings of a folder that are too many for memory: each is read from its file when it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from spareto.core.artifacts import stamp_of
from spareto.core.errors import DataError, Problem
from spareto.data.own.events import Events, Facts

IN_FILES = 1 << 28
"""Bytes of files that are read into memory; of larger folders a recording at a time is."""

PART_EVENTS = 1 << 22
"""Events that are binned at once, unless one recording has more."""


@dataclass(frozen=True)
class FiledEvents:
    """One recording that stays in its file.

    Args:
        path: The file.
        unit: Unit of the times where their array's name says it.
        facts: What was found when it was read first.
        stamp: Path, size and time of the last change, when it was read first.
        reader: Reads such a file.
    """

    path: Path
    unit: str | None
    facts: Facts
    stamp: tuple[str, int, int]
    reader: Callable[[Path], Events]

    @classmethod
    def of(cls, path: Path, events: Events, reader: Callable[[Path], Events]) -> FiledEvents:
        """A recording that was just read, without its arrays."""
        return cls(path, events.unit, events.facts, stamp_of(path), reader)

    @property
    def where(self) -> str:
        """Its file."""
        return str(self.path)

    def __len__(self) -> int:
        return self.facts.events

    def read(self) -> Events:
        """Its arrays, read anew.

        Raises:
            DataError: The file is another one than before.
        """
        if stamp_of(self.path) != self.stamp:
            cure = "Leave the recordings as they are, then start again."
            raise DataError(Problem(self.where, "a file that has changed", "the file that was checked", cure))
        return self.reader(self.path)


Recorded: TypeAlias = Events | FiledEvents
"""A recording whose arrays are in memory, or in its file."""
