"""What the two Heidelberg sets share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from spareto.core.artifacts import there
from spareto.core.errors import DataError
from spareto.data._base import Dataset, Recordings, SplitName
from spareto.data.checks import problems_of
from spareto.data.folder import Root, data_folder, where_to_put
from spareto.data.recorded import PART_EVENTS, joined
from spareto.data.spike_trains import count_trains, read_trains

UNITS = 700
ORIGIN = "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/ (unpack it)"


class HeidelbergDataset(Dataset):
    """Spoken words through a model of the inner ear: spikes of 700 units, the official split.

    Args:
        root: Folder that holds the two `.h5` files, or holds them in a folder of the set's name; left out,
            the data folder of this machine.
    """

    files: ClassVar[Mapping[SplitName, str]]
    folders: ClassVar[tuple[str, ...]]
    checksums: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *, root: Root = None) -> None:
        places = [data_folder(root) / name for name in self.folders]
        self.root = next((place for place in places if there(place / self.files["train"])), places[0])

    def sources(self) -> tuple[Path, ...]:
        """The two files, training split first."""
        return tuple(self.root / self.files[name] for name in ("train", "test"))

    @override
    def count(self, name: SplitName) -> int:
        return count_trains(*self._place(name))

    @override
    def split(self, name: SplitName) -> Recordings:
        return joined(list(self.parts(name)))

    @override
    def parts(self, name: SplitName) -> Iterator[Recordings]:
        path, cure = self._place(name)
        for part in read_trains(path, cure, PART_EVENTS):
            DataError.if_any(problems_of(part, self.info, str(path), cure))
            yield part

    def _place(self, name: SplitName) -> tuple[Path, str]:
        path = self.root / self.files[name]
        return path, where_to_put(path, ORIGIN)
