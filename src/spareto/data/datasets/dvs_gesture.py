"""DVS128 Gesture: eleven hand and arm gestures of 29 people, seen by a DVS128."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from spareto.core.archives import Damaged, load_arrays
from spareto.core.artifacts import folder_there, there
from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo, SplitName
from spareto.data.folder import Root, data_folder, require, where_to_put
from spareto.data.readers import Disorder, EventStream, read_events
from spareto.data.recorded import RecordedDataset, Recording

ORIGIN = (
    "https://research.ibm.com/interactive/dvsgesture (DvsGesture.tar.gz) and unpack it in a folder DvsGesture"
)
TRIALS: dict[SplitName, str] = {"train": "trials_to_train.txt", "test": "trials_to_test.txt"}
TONIC: dict[SplitName, str] = {"train": "ibmGestureTrain", "test": "ibmGestureTest"}
FOLDERS = (
    "",
    "DvsGesture",
    "DVS128Gesture",
    "DVSGesture",
    "extract/DvsGesture",
    "DVS128Gesture/extract/DvsGesture",
)
CLASSES = 11


class DvsGesture(RecordedDataset):
    """1,176 training and 288 test recordings, the official split by people.

    Three layouts are known: the original (AEDAT 3.1 with a table of labels each, and lists of trials), the
    folder `events_np` that SpikingJelly makes of it, and Tonic's folders `ibmGestureTrain` and
    `ibmGestureTest`, which hold 1,077 and 264 recordings with times in milliseconds. A recording of the
    original is what lies from a label's first microsecond to before its last.

    Args:
        root: Folder that holds one of them, or holds it in a folder of the usual name; left out, the data
            folder of this machine.
        disorder: Refuse a file whose times run back, or sort its events.

    Reference:
        amir2017.
    """

    info = DatasetInfo(
        classes=CLASSES,
        sensor=(2, 128, 128),
        duration_us=6_000_000,
        licence="CC BY 4.0",
        source="DVS128 Gesture (Amir et al. 2017)",
    )
    checksums: ClassVar = {
        "DvsGesture.tar.gz": "8a5c71fb11e24e5ca5b11866ca6c00a1",
        "ibmGestureTrain.tar.gz": "3a8f0d4120a166bac7591f77409cb105",
        "ibmGestureTest.tar.gz": "56070e45dadaa85fff82e0fbfbc06de5",
    }

    def __init__(self, *, root: Root = None, disorder: Disorder = "refuse") -> None:
        super().__init__(disorder)
        self.root = data_folder(root)
        self._cure = where_to_put(self.root / "DvsGesture", ORIGIN)

    @override
    def recordings(self, name: SplitName) -> Sequence[Recording]:
        for folder in (self.root / name for name in FOLDERS):
            if there(folder / TRIALS[name]):
                return self._original(folder, name)
            if folder_there(folder / "events_np" / name):
                return self._spikingjelly(folder / "events_np" / name)
            if folder_there(folder / TONIC[name]):
                return self._tonic(folder / TONIC[name])
        return self._original(self.root / "DvsGesture", name)

    def read(self, path: Path) -> EventStream:
        """All events of a file; the ON events of the camera are those with polarity 1."""
        return (
            _read_tonic(path).in_order(self.disorder)
            if path.suffix == ".npy"
            else read_events(path, disorder=self.disorder)
        )

    def _original(self, folder: Path, name: SplitName) -> list[Recording]:
        listed = require(folder / TRIALS[name], "the list of trials of the original", self._cure)
        files = [folder / line.strip() for line in listed.read_text("utf-8").splitlines() if line.strip()]
        missing = [path for path in files if not there(path)]
        if missing or not files:
            got = f"no {missing[0].name} and {len(missing) - 1} more" if missing else "no line"
            raise DataError(Problem(str(listed), got, "files that are there", self._cure))
        return [each for path in files for each in self._labelled(path)]

    def _labelled(self, path: Path) -> list[Recording]:
        table = require(path.with_name(f"{path.stem}_labels.csv"), "the labels of a trial", self._cure)
        found: list[Recording] = []
        for number, line in enumerate(csv.reader(table.read_text("utf-8").splitlines()), start=1):
            if number == 1 or not line:
                continue
            try:
                label, begin, end = (int(cell) for cell in line[:3])
                if not (1 <= label <= CLASSES and 0 <= begin < end):
                    raise ValueError
            except ValueError:
                rule = f"a class from 1 to {CLASSES}, and two times in microseconds, the later one last"
                raise DataError(Problem(f"{table}:{number}", ",".join(line)[:80], rule, self._cure)) from None
            found.append(Recording(path, label - 1, begin, end))
        return found

    def _spikingjelly(self, folder: Path) -> list[Recording]:
        found = [
            Recording(path, label)
            for label in range(CLASSES)
            for path in sorted((folder / str(label)).glob("*.npz"))
        ]
        if not found:
            raise DataError(Problem(str(folder), "no .npz file", "folders 0 to 10 of recordings", self._cure))
        return found

    def _tonic(self, folder: Path) -> list[Recording]:
        found: list[Recording] = []
        for path in sorted(folder.rglob("*.npy")):
            if not path.stem.isdecimal() or int(path.stem) >= CLASSES:
                rule = f"a class from 0 to {CLASSES - 1} as its name"
                raise DataError(Problem(str(path), repr(path.stem), rule, self._cure))
            found.append(Recording(path, int(path.stem)))
        if not found:
            raise DataError(Problem(str(folder), "no .npy file", "folders of recordings", self._cure))
        return found


def _read_tonic(path: Path) -> EventStream:
    """Rows of x, y, polarity and time in milliseconds, as Tonic stores them."""
    try:
        rows = load_arrays(path)
    except Damaged as error:
        cure = "Copy it again."
        raise DataError(Problem(str(path), f"a damaged file ({error})", "an array of events", cure)) from None
    if not _are_events(rows):
        rule = "rows of x, y, polarity and milliseconds"
        raise DataError(Problem(str(path), "an array of something else", rule, "Copy it again."))
    x, y, p, t = np.asarray(rows).T
    times = np.rint(t.astype(np.float64) * 1000).astype(np.int64)
    return EventStream(str(path), x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), times)


def _are_events(rows: object) -> bool:
    if (
        not isinstance(rows, np.ndarray)
        or rows.ndim != 2
        or rows.shape[1] != 4
        or rows.dtype.kind not in "iuf"
    ):
        return False
    pixels, rest = rows[:, :3], rows[:, 3]
    fits = not len(rows) or (
        pixels.min() >= 0 and pixels.max() < 1 << 16 and 0 <= rest.min() <= rest.max() < 1 << 40
    )
    return bool(np.isfinite(rows).all() and fits)
