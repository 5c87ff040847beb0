"""The official N-MNIST folders: `Train/<digit>/*.bin` and `Test/<digit>/*.bin`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from spareto.core.artifacts import folder_there
from spareto.core.errors import DataError, Problem
from spareto.data._base import Dataset, DatasetInfo, Recordings, SplitName
from spareto.data.checks import problems_of
from spareto.data.folder import Root, data_folder, require, where_to_put
from spareto.data.readers.nmnist_bin import EVENT_BYTES, decode

ORIGIN = "https://www.garrickorchard.com/datasets/n-mnist and unpack Train and Test in a folder N-MNIST"
FOLDERS: dict[SplitName, str] = {"train": "Train", "test": "Test"}

Bytes = npt.NDArray[np.uint8]


class NMnist(Dataset):
    """All of N-MNIST: 60,000 training and 10,000 test recordings.

    An event takes five bytes: x, y, then a polarity bit and 23 bits of time in microseconds, high byte first.
    An event in row 240 is no event: it marks that the time counter lacks 2**13 microseconds from there on.

    Args:
        root: Folder that holds `Train` and `Test`, or holds them in `N-MNIST`; left out, the data folder of
            this machine.

    Reference:
        orchard2015.
    """

    info = DatasetInfo(
        classes=10,
        sensor=(2, 34, 34),
        duration_us=310_000,
        licence="CC BY-SA 4.0",
        source="N-MNIST (Orchard et al. 2015)",
    )

    def __init__(self, *, root: Root = None) -> None:
        folder = data_folder(root)
        self.root = folder if folder_there(folder / FOLDERS["train"]) else folder / "N-MNIST"
        self._cure = where_to_put(self.root, ORIGIN)

    def sources(self) -> tuple[Path, ...]:
        """All recordings, training split first."""
        return tuple(path for files in self._files.values() for path, _ in files)

    @override
    def split(self, name: SplitName) -> Recordings:
        files = self._files[name]
        contents = [np.fromfile(path, np.uint8) for path, _ in files]
        _refuse_broken([path for path, _ in files], contents, self._cure)
        decoded = [decode(content) for content in contents]
        x, y, polarity, t_us = (np.concatenate(arrays) for arrays in zip(*decoded, strict=True))
        lengths = [len(events[0]) for events in decoded]
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        labels = np.array([label for _, label in files], np.int64)
        recordings = Recordings(x=x, y=y, polarity=polarity, t_us=t_us, offsets=offsets, labels=labels)
        DataError.if_any(problems_of(recordings, self.info, str(self.root / FOLDERS[name]), self._cure))
        return recordings

    @cached_property
    def _files(self) -> dict[SplitName, list[tuple[Path, int]]]:
        return {split: _labelled_files(self.root / folder, self._cure) for split, folder in FOLDERS.items()}


def _labelled_files(folder: Path, cure: str) -> list[tuple[Path, int]]:
    require(folder, "a folder of ten folders 0 to 9 with .bin files", cure)
    by_digit = {digit: sorted((folder / str(digit)).glob("*.bin")) for digit in range(10)}
    DataError.if_any(
        Problem(str(folder / str(digit)), "no .bin files", "at least one recording", cure)
        for digit, files in by_digit.items()
        if not files
    )
    return [(path, digit) for digit, files in by_digit.items() for path in files]


def _refuse_broken(paths: list[Path], contents: list[Bytes], cure: str) -> None:
    DataError.if_any(
        Problem(
            str(path),
            f"{len(content)} bytes",
            f"a whole number of {EVENT_BYTES}-byte events, at least one",
            cure,
        )
        for path, content in zip(paths, contents, strict=True)
        if len(content) == 0 or len(content) % EVENT_BYTES
    )
