"""ASL-DVS: 24 letters of American Sign Language, seen by a DAVIS 240."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo
from spareto.data.by_class import DrawnSplit
from spareto.data.matlab import read_matlab
from spareto.data.readers import EventStream, read_events
from spareto.data.readers._base import LATEST_US

LETTERS = "abcdefghiklmnopqrstuvwxy"
"""Without j and z, which are movements."""
HEIGHT, WIDTH = 180, 240
NAMES = ("ts", "x", "y", "pol")


class AslDvs(DrawnSplit):
    """100,800 recordings of about 100 ms, 4,200 a letter. **No split is official**: ours is drawn by `seed`.

    The original files (MATLAB) and SpikingJelly's `events_np` are known. Rows are counted from above.

    Its options are those of `DrawnSplit`; `root` may hold `ASLDVS`.

    Reference:
        bi2019.
    """

    info = DatasetInfo(
        classes=len(LETTERS),
        sensor=(2, HEIGHT, WIDTH),
        duration_us=100_000,
        licence="for research; see its page",
        source="ASL-DVS (Bi et al. 2019); no official split",
    )
    checksums: ClassVar = {"ASLDVS.zip": "33f8b87bf45edc0bfed0de41822279b9"}

    origin: ClassVar[str] = (
        "https://github.com/PIX2NVS/NVS2Graph "
        "and unpack its archives, one folder a letter, in a folder ASLDVS"
    )
    folders: ClassVar = ("", "events_np", "ASLDVS/events_np", "ASLDVS")
    inside: ClassVar[str] = LETTERS[0]
    suffixes: ClassVar = (".mat", ".npz")
    share: ClassVar[float] = 0.2

    @override
    def labels(self) -> Sequence[str]:
        return LETTERS

    def read(self, path: Path) -> EventStream:
        """All events of a file, the hand upright."""
        if path.suffix == ".npz":
            return read_events(path, disorder=self.disorder)
        return _read_matlab(path).in_order(self.disorder)


def _read_matlab(path: Path) -> EventStream:
    rule = "a MATLAB file with ts, x, y and pol, one whole number an event"
    found = read_matlab(path, "Copy it again.")
    missing = [name for name in NAMES if name not in found]
    if missing:
        raise DataError(Problem(str(path), f"no {', '.join(missing)}", rule, "Copy it again."))
    if not all(_is_whole(found[name]) for name in NAMES):
        raise DataError(Problem(str(path), "fractions, nan or infinity", rule, "Copy it again."))
    columns = [found[name].astype(np.int64) for name in NAMES]
    t, x, y, p = columns
    if len({len(column) for column in columns}) != 1:
        got = ", ".join(f"{len(column)} {name}" for name, column in zip(NAMES, columns, strict=True))
        raise DataError(Problem(str(path), got, rule, "Copy it again."))
    limits = (("ts", t, LATEST_US), ("x", x, WIDTH), ("y", y, HEIGHT), ("pol", p, 2))
    for name, values, limit in limits:
        if len(values) and not 0 <= values.min() <= values.max() < limit:
            got = f"{values.min()} to {values.max()}"
            raise DataError(
                Problem(f"{path}: {name}", got, f"values from 0 to {limit - 1}", "Copy it again.")
            )
    rows = (HEIGHT - 1 - y).astype(np.uint16)
    return EventStream(str(path), x.astype(np.uint16), rows, p.astype(np.uint8), t, (HEIGHT, WIDTH))


def _is_whole(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind != "f" or bool(
        np.isfinite(values).all()
        and (values == np.floor(values)).all()
        and (np.abs(values) < LATEST_US).all()
    )
