"""CIFAR10-DVS: images of CIFAR-10 that move on a screen, seen by a DVS128."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from spareto.data._base import DatasetInfo
from spareto.data.by_class import DrawnSplit
from spareto.data.readers import EventStream, read_events

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 128


class Cifar10Dvs(DrawnSplit):
    """10,000 recordings, 1,000 a class. **No split is official**: ours is drawn by `seed`, so say which.

    The original files (AEDAT 2.0), those of Tonic (AEDAT 4) and SpikingJelly's `events_np` are known. Pixels
    of the original are turned as SpikingJelly turns them, so that all three show the same pictures.

    Its options are those of `DrawnSplit`; `root` may hold `CIFAR10DVS`.

    Reference:
        li2017.
    """

    info = DatasetInfo(
        classes=len(NAMES),
        sensor=(2, SIDE, SIDE),
        duration_us=1_300_000,
        licence="CC BY 4.0",
        source="CIFAR10-DVS (Li et al. 2017); no official split",
    )
    checksums: ClassVar = {
        "airplane.zip": "0afd5c4bf9ae06af762a77b180354fdd",
        "automobile.zip": "8438dfeba3bc970c94962d995b1b9bdd",
        "bird.zip": "a9c207c91c55b9dc2002dc21c684d785",
        "cat.zip": "52c63c677c2b15fa5146a8daf4d56687",
        "deer.zip": "b6bf21f6c04d21ba4e23fc3e36c8a4a3",
        "dog.zip": "f379ebdf6703d16e0a690782e62639c3",
        "frog.zip": "cad6ed91214b1c7388a5f6ee56d08803",
        "horse.zip": "e7cbbf77bec584ffbf913f00e682782a",
        "ship.zip": "41c7bd7d6b251be82557c6cce9a7d5c9",
        "truck.zip": "89f3922fd147d9aeff89e76a2b0b70a7",
    }

    origin: ClassVar[str] = (
        "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671 "
        "and unpack its ten archives in a folder CIFAR10DVS"
    )
    folders: ClassVar = ("", "events_np", "CIFAR10DVS/events_np", "CIFAR10-DVS", "CIFAR10DVS")
    inside: ClassVar[str] = NAMES[0]
    suffixes: ClassVar = (".aedat", ".aedat4", ".npz")

    @override
    def labels(self) -> Sequence[str]:
        return NAMES

    def read(self, path: Path) -> EventStream:
        """All events of a file, the picture upright."""
        stream = read_events(path, disorder=self.disorder).within(SIDE, SIDE)
        if path.suffix != ".aedat":
            return stream
        return replace(stream, x=SIDE - 1 - stream.y, y=SIDE - 1 - stream.x)
