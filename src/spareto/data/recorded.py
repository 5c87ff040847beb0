"""Data sets whose recordings are files: read one by one, so that a split may be larger than memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from spareto.core.errors import DataError, Problem
from spareto.data._base import Dataset, Recordings, SplitName
from spareto.data.checks import problems_of
from spareto.data.readers import Disorder, EventStream, read_events

PART_EVENTS = 1 << 22
"""Events of a part at most, unless one recording has more."""


@dataclass(frozen=True)
class Recording:
    """One recording: a file, or what lies between two times of it.

    Args:
        path: The file.
        label: Its class.
        begin_us: Where the recording begins on the file's clock, microseconds.
        end_us: Where it ends: the first time that is no more part of it. None is the end of the file.
    """

    path: Path
    label: int
    begin_us: int = 0
    end_us: int | None = None


class RecordedDataset(Dataset):
    """Recordings in files of event cameras.

    Times are counted from the first event of each recording.

    Args:
        disorder: Refuse a file whose times run back, or sort its events.
    """

    checksums: ClassVar[Mapping[str, str]] = {}
    """MD5 of the archives as their authors publish them, by name; `spareto data check` compares them."""

    def __init__(self, disorder: Disorder = "refuse") -> None:
        self.disorder: Disorder = disorder

    @abstractmethod
    def recordings(self, name: SplitName) -> Sequence[Recording]:
        """What is in a split; reads no recording. Those of one file stand together.

        Raises:
            DataError: Files are missing; says where to get them.
        """

    def read(self, path: Path) -> EventStream:
        """All events of a file.

        Raises:
            DataError: The file is damaged.
        """
        return read_events(path, disorder=self.disorder)

    @override
    def count(self, name: SplitName) -> int:
        return len(self._listed[name])

    def sources(self) -> tuple[Path, ...]:
        """The files of all recordings, training split first."""
        return tuple(dict.fromkeys(each.path for some in self._listed.values() for each in some))

    @override
    def split(self, name: SplitName) -> Recordings:
        return joined(list(self.parts(name)))

    @override
    def parts(self, name: SplitName) -> Iterator[Recordings]:
        some: list[tuple[EventStream, Recording]] = []
        for each in self._read(self._listed[name]):
            if some and sum(len(stream) for stream, _ in some) + len(each[0]) > PART_EVENTS:
                yield self._checked(some)
                some = []
            some.append(each)
        if some:
            yield self._checked(some)

    @cached_property
    def _listed(self) -> dict[SplitName, Sequence[Recording]]:
        return {"train": self.recordings("train"), "test": self.recordings("test")}

    def _read(self, listed: Iterable[Recording]) -> Iterator[tuple[EventStream, Recording]]:
        for path, some in groupby(listed, lambda each: each.path):
            _, height, width = self.info.sensor
            whole = self.read(path).within(height, width)
            for each in some:
                stream = whole
                if each.begin_us or each.end_us is not None:
                    cuts = np.searchsorted(whole.t_us, [each.begin_us, each.end_us or np.iinfo(np.int64).max])
                    stream = whole.take(slice(*cuts.tolist()))
                if not len(stream):
                    cure = "Delete the file, or mend its labels."
                    raise DataError(Problem(str(path), "a recording without events", "at least one", cure))
                yield stream, each

    def _checked(self, some: Sequence[tuple[EventStream, Recording]]) -> Recordings:
        offsets = np.cumsum([0, *(len(stream) for stream, _ in some)]).astype(np.int64)
        found = Recordings(
            x=np.concatenate([stream.x for stream, _ in some]),
            y=np.concatenate([stream.y for stream, _ in some]),
            polarity=np.concatenate([stream.polarity for stream, _ in some]),
            t_us=np.concatenate([stream.t_us - stream.t_us[0] for stream, _ in some]),
            offsets=offsets,
            labels=np.array([each.label for _, each in some], np.int64),
        )
        DataError.if_any(
            problems_of(found, self.info, f"{some[0][1].path} to {some[-1][1].path}", "Check the files.")
        )
        return found


def joined(parts: Sequence[Recordings]) -> Recordings:
    """Recordings of several parts, one after the other; at least one."""
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("x", "y", "polarity", "t_us", "labels")
    }
    return Recordings(**arrays, offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))
