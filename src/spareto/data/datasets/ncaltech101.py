"""N-Caltech101: the images of Caltech101, seen by a moving ATIS camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from spareto.core.artifacts import folder_there
from spareto.core.errors import DataError, Problem
from spareto.data._base import DatasetInfo, SplitName
from spareto.data.by_class import first_folder, recordings_by_class
from spareto.data.folder import data_folder, where_to_put
from spareto.data.readers import Disorder
from spareto.data.recorded import RecordedDataset, Recording, chosen_from

ORIGIN = "https://www.garrickorchard.com/datasets/n-caltech101 and unpack Caltech101 in a folder N-Caltech101"
CLASSES = 101


class NCaltech101(RecordedDataset):
    """8,709 recordings of 100 kinds of things and of a background class; their sizes differ.

    **No split is official**: ours is drawn by `seed`. Classes are numbered in the order of their folders'
    names. Pixels are counted from the upper left corner of the camera, 240 × 180.

    Args:
        root: Folder that holds `Caltech101`, or holds it in `N-Caltech101`; left out, the data folder of this
            machine.
        test_share: Share of each class that is for testing.
        seed: Draws which.
        disorder: Of no effect: the format's times are put in order.

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

    def __init__(
        self,
        *,
        root: str | Path | None = None,
        test_share: float = 0.1,
        seed: int = 0,
        disorder: Disorder = "refuse",
    ) -> None:
        super().__init__(disorder)
        names = ("", "N-Caltech101", "NCALTECH101", "N-Caltech101-archive")
        self.root = first_folder(data_folder(root), (*names[2:], *names[:2]), "Caltech101") / "Caltech101"
        self.test_share, self.seed = test_share, seed
        self._cure = where_to_put(self.root, ORIGIN)

    @override
    def recordings(self, name: SplitName) -> Sequence[Recording]:
        if not folder_there(self.root):
            rule = f"a folder for each of {CLASSES} classes"
            raise DataError(Problem(str(self.root), "no such file or folder", rule, self._cure))
        names = sorted(path.name for path in self.root.iterdir() if folder_there(path))
        if len(names) != CLASSES:
            got, rule = f"{len(names)} folders", f"{CLASSES}, one a class"
            raise DataError(Problem(str(self.root), got, rule, self._cure))
        labels = {label: place for place, label in enumerate(names)}
        found = recordings_by_class(self.root, labels, (".bin",), self._cure)
        return chosen_from(found, self.test_share, self.seed)(name)
