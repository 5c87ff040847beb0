"""N-Caltech101: the images of Caltech101, seen by a moving ATIS camera."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from spareto.core.artifacts import folder_there
from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo
from spareto.data.by_class import DrawnSplit

CLASSES = 101


class NCaltech101(DrawnSplit):
    """8,709 recordings of 100 kinds of things and of a background class; their sizes differ.

    **No split is official**: ours is drawn by `seed`. Classes are numbered in the order of their folders'
    names. Pixels are counted from the upper left corner of the camera, 240 × 180.

    Its options are those of `DrawnSplit`; `root` may hold `N-Caltech101`. `disorder` has no effect: times
    of this format are always put in order.

    Reference:
        orchard2015.
    """

    info = DatasetInfo(
        classes=CLASSES,
        sensor=(2, 180, 240),
        duration_us=310_000,
        licence="CC BY 4.0",
        source="N-Caltech101 (Orchard et al. 2015); no official split",
    )
    checksums: ClassVar = {"N-Caltech101-archive.zip": "66201824eabb0239c7ab992480b50ba3"}

    origin: ClassVar[str] = (
        "https://www.garrickorchard.com/datasets/n-caltech101 and unpack Caltech101 in a folder N-Caltech101"
    )
    folders: ClassVar = (
        *("NCALTECH101/Caltech101", "N-Caltech101-archive/Caltech101", "Caltech101"),
        "N-Caltech101/Caltech101",
    )
    inside: ClassVar[str] = ""
    suffixes: ClassVar = (".bin",)

    @override
    def labels(self) -> Sequence[str]:
        if not folder_there(self.root):
            rule = f"a folder for each of {CLASSES} classes"
            raise DataError(Problem(str(self.root), "no such file or folder", rule, self._cure))
        names = sorted(path.name for path in self.root.iterdir() if folder_there(path))
        if len(names) != CLASSES:
            got, rule = f"{len(names)} folders", f"{CLASSES}, one a class"
            raise DataError(Problem(str(self.root), got, rule, self._cure))
        return names
