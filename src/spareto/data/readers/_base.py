"""What a reader of one file format is, and what every one of them checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spareto.core.artifacts import there
from spareto.core.errors import DataError, Problem

Bytes = npt.NDArray[np.uint8]
Disorder = Literal["refuse", "sort"]
LONGEST_HEADER = 1 << 16
LATEST_US = 1 << 52
"""Times of 140 years, microseconds: their differences, and a thousand timesteps of them, fit into 64 bits."""
COPY_AGAIN = "Copy the file again from where it came."


@dataclass(frozen=True)
class EventStream:
    """The events of one file.

    Args:
        where: The file.
        x: Column of each event, shape (events,).
        y: Row of each event, shape (events,).
        polarity: 1 for ON (brighter), 0 for OFF, shape (events,).
        t_us: Time of each event on the camera's clock, microseconds, shape (events,).
        size: Height and width of the sensor, where the file says it.
        notes: What the file holds beside these events and was left out, one sentence each.
    """

    where: str
    x: npt.NDArray[np.uint16]
    y: npt.NDArray[np.uint16]
    polarity: Bytes
    t_us: npt.NDArray[np.int64]
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)

    def take(self, chosen: slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> EventStream:
        """Some of the events."""
        parts = (self.x[chosen], self.y[chosen], self.polarity[chosen], self.t_us[chosen])
        return EventStream(self.where, *parts, size=self.size, notes=self.notes)

    def in_order(self, disorder: Disorder = "refuse") -> EventStream:
        """The events in order of time.

        Args:
            disorder: Refuse times that run back, or sort them; events of one time keep their order.

        Raises:
            DataError: A time runs back, and they are not to be sorted; or one is beyond 140 years.
        """
        self._refuse_late()
        back = np.flatnonzero(self.t_us[1:] < self.t_us[:-1])
        if not len(back):
            return self
        if disorder == "sort":
            note = f"{len(back):,} of {len(self):,} times ran back; the events were sorted."
            ordered = self.take(np.argsort(self.t_us, kind="stable"))
            return replace(ordered, notes=(*self.notes, note))
        place = int(back[0]) + 1
        got = f"{self.t_us[place]:,} us after {self.t_us[place - 1]:,} us, the first of {len(back):,} such"
        cure = "Write disorder: sort among the options, if this camera's order is not to be trusted."
        raise DataError(Problem(f"{self.where}: t, event {place:,}", got, "times that never run back", cure))

    def _refuse_late(self) -> None:
        late = np.flatnonzero((self.t_us > LATEST_US) | (self.t_us < -LATEST_US))
        if len(late):
            place = int(late[0])
            got = f"{self.t_us[place]:,} us, the first of {len(late):,} such"
            raise DataError(
                Problem(f"{self.where}: t, event {place:,}", got, "times of at most 140 years", COPY_AGAIN)
            )

    def within(self, height: int, width: int) -> EventStream:
        """The same events, if all of them lie on a sensor of this size.

        Raises:
            DataError: One lies outside; names the first one and how many there are.
        """
        for axis, values, side in (("x", self.x, width), ("y", self.y, height)):
            if len(values) and values.max() >= side:
                place = int(np.argmax(values >= side))
                outside = int((values >= side).sum())
                got = f"{values[place]}, the first of {outside:,} outside"
                cure = "Check which camera made it, or copy the file again."
                rule = f"values from 0 to {side - 1}"
                raise DataError(Problem(f"{self.where}: {axis}, event {place:,}", got, rule, cure))
        return self


class EventReader(ABC):
    """Reads one format of event files; one file each in `data/readers/`.

    Attributes:
        title: What the format is called in messages.
        suffixes: How its files end, in lower case.
        expansion: A read takes at most so many times the bytes of the file, at its peak.
    """

    title: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    expansion: ClassVar[int]

    @classmethod
    @abstractmethod
    def knows(cls, start: bytes) -> bool:
        """Whether the first bytes of a file say that it is of this format; False where no format says so."""

    @abstractmethod
    def read(self, path: Path) -> EventStream:
        """All events of a file, as they stand there.

        Raises:
            DataError: The file is missing, empty, truncated, of another format or damaged.
        """

    def content(self, path: Path) -> Bytes:
        """All bytes of a file.

        Raises:
            DataError: It is missing or empty.
        """
        self.refuse_empty(path)
        with self._readable(path):
            return np.fromfile(path, np.uint8)

    def refuse_empty(self, path: Path) -> None:
        """Refuse a file that is missing, or has no byte.

        Raises:
            DataError: It is missing or empty.
        """
        if not there(path):
            raise DataError(Problem(str(path), "no such file", f"a file of {self.title}", "Check the path."))
        with self._readable(path), path.open("rb") as stream:
            some = stream.read(1)
        if not some:
            raise DataError(Problem(str(path), "an empty file", f"a file of {self.title}", COPY_AGAIN))

    @contextmanager
    def _readable(self, path: Path) -> Generator[None]:
        try:
            yield
        except OSError as error:
            got = (error.strerror or str(error)).lower()
            raise DataError(Problem(str(path), got, "a file that can be read", "Check its rights.")) from None

    def refused(self, path: Path, got: str, rule: str, cure: str = COPY_AGAIN) -> DataError:
        """The error of a damaged file."""
        return DataError(Problem(str(path), got, rule, cure))

    def refuse_other(self, path: Path, content: Bytes, rule: str) -> None:
        """Refuse a file that does not begin as those of this format.

        Raises:
            DataError: It begins in another way.
        """
        if not self.knows(content[:16].tobytes()):
            got = f"a file that begins with {content[:12].tobytes()!r}"
            raise self.refused(path, got, rule, "Check its format.")

    def text_lines(self, path: Path, content: Bytes, mark: bytes, last: str = "") -> tuple[list[str], int]:
        """The lines at the start of a file that begin with `mark`, and where the bytes behind them begin.

        Args:
            path: The file, for messages.
            content: Its bytes.
            mark: What each line of the header begins with.
            last: The line that ends a header, where it has one: data may look like a line.

        Raises:
            DataError: The header does not end.
        """
        head = content[:LONGEST_HEADER].tobytes()
        lines: list[str] = []
        place = 0
        while head.startswith(mark, place):
            end = head.find(b"\n", place)
            if end < 0:
                raise self.refused(
                    path, "a header that does not end", f"lines that begin with {mark.decode()}"
                )
            lines.append(head[place:end].decode("latin-1").strip())
            place = end + 1
            if lines[-1] == last:
                break
        return lines, place


def joined(where: str, parts: Sequence[EventStream], size: tuple[int, int] | None) -> EventStream:
    """The events of several parts, one after the other."""
    if not parts:
        empty = np.empty(0, np.uint16)
        return EventStream(where, empty, empty, np.empty(0, np.uint8), np.empty(0, np.int64), size)
    arrays = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "polarity", "t_us")
    )
    return EventStream(where, *arrays, size=size)
