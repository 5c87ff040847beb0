"""Free Spoken Digit Dataset: the digits 0 to 9, spoken fifty times by each of six people."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from spareto.core.artifacts import folder_there, there
from spareto.core.errors import DataError, Problem
from spareto.data._base import Dataset, DatasetInfo, Recordings, SplitName
from spareto.data.encoders.hearing import Hearing
from spareto.data.folder import Root, data_folder, require, where_to_put
from spareto.data.npz_events import read_arrays
from spareto.data.sound import read_wav

ORIGIN = "https://github.com/Jakobovski/free-spoken-digit-dataset (its folder recordings)"
FIRST_TRAINED = 5
"""Recordings 0 to 4 of each person and digit are the official test split."""

NAME = re.compile(r"(\d)_([A-Za-z]+)_(\d{1,4})")
Sound = tuple[npt.NDArray[np.number], float]


class SpokenDigits(Dataset):
    """2,700 training and 300 test recordings, heard by a bank of filters with thresholds.

    Args:
        root: Folder that holds `fsdd.npz`, or the `.wav` files, there or in a folder `recordings` or
            `fsdd/recordings`; left out, the data folder of this machine.
        bands: See `Hearing`.
        levels: See `Hearing`.
        range_db: See `Hearing`.
        lowest_hz: See `Hearing`.
        window_ms: See `Hearing`.
        hop_ms: See `Hearing`.

    Reference:
        jackson2018.
    """

    info = DatasetInfo(
        classes=10,
        sensor=(2, 6, 32),
        duration_us=800_000,
        licence="CC BY-SA 4.0",
        source="Free Spoken Digit Dataset (Jackson et al. 2018), filter bank and thresholds",
    )

    def __init__(
        self,
        *,
        root: Root = None,
        bands: int = 32,
        levels: int = 6,
        range_db: float = 42.0,
        lowest_hz: float = 100.0,
        window_ms: float = 32.0,
        hop_ms: float = 8.0,
    ) -> None:
        said = {
            "bands": bands,
            "levels": levels,
            "range_db": range_db,
            "lowest_hz": lowest_hz,
            "window_ms": window_ms,
            "hop_ms": hop_ms,
        }
        self.hearing = Hearing.parse(said, "data.options")
        self.info = replace(type(self).info, sensor=(2, levels, bands))
        self.root = data_folder(root)
        self.packed = self.root / "fsdd.npz"
        places = (self.root, self.root / "recordings", self.root / "fsdd" / "recordings")
        self.folder = next(
            (place for place in places if folder_there(place) and any(place.glob("*_*_*.wav"))), places[-1]
        )
        self._cure = where_to_put(self.packed, ORIGIN)

    def sources(self) -> tuple[Path, ...]:
        """The archive, or the recordings."""
        return (self.packed,) if there(self.packed) else tuple(path for path, _ in self._files)

    @override
    def split(self, name: SplitName) -> Recordings:
        sounds = self._packed(name) if there(self.packed) else self._loose(name)
        heard = [(self.hearing.hear(samples, rate, where), label) for where, (samples, rate), label in sounds]
        silent = [stream.where for stream, _ in heard if not len(stream)]
        if silent:
            raise DataError(Problem(silent[0], "silence", "a sound", self._cure))
        return Recordings(
            x=np.concatenate([stream.x for stream, _ in heard]),
            y=np.concatenate([stream.y for stream, _ in heard]),
            polarity=np.concatenate([stream.polarity for stream, _ in heard]),
            t_us=np.concatenate([stream.t_us for stream, _ in heard]),
            offsets=np.cumsum([0, *(len(stream) for stream, _ in heard)]).astype(np.int64),
            labels=np.array([label for _, label in heard], np.int64),
        )

    def _packed(self, name: SplitName) -> list[tuple[str, Sound, int]]:
        names = ("audio", "offsets", "label", "index")
        arrays = read_arrays(self.packed, names, self._cure)
        audio, offsets, labels, index = (arrays[each] for each in names)
        offsets = offsets.astype(np.int64)
        wrong = len(offsets) != len(labels) + 1 or len(index) != len(labels) or not len(labels)
        if wrong or offsets[0] != 0 or offsets[-1] != len(audio) or (np.diff(offsets) <= 0).any():
            got = f"{len(offsets)} offsets, {len(labels)} labels and {len(index)} indices"
            rule = f"offsets that rise from 0 to {len(audio):,}, one more than labels"
            raise DataError(Problem(str(self.packed), got, rule, self._cure))
        if labels.min() < 0 or labels.max() > 9:
            got = f"{labels.min()} to {labels.max()}"
            raise DataError(Problem(f"{self.packed}: label", got, "digits from 0 to 9", self._cure))
        chosen = np.flatnonzero((index < FIRST_TRAINED) == (name == "test")).tolist()
        return [
            (f"{self.packed}, recording {i}", (audio[offsets[i] : offsets[i + 1]], 8000.0), int(labels[i]))
            for i in chosen
        ]

    def _loose(self, name: SplitName) -> list[tuple[str, Sound, int]]:
        test = name == "test"
        chosen = [(path, match) for path, match in self._files if (int(match[3]) < FIRST_TRAINED) == test]
        if not chosen:
            raise DataError(Problem(str(self.folder), f"no file of the {name} split", "some", self._cure))
        return [(str(path), read_wav(path), int(match[1])) for path, match in chosen]

    @cached_property
    def _files(self) -> list[tuple[Path, re.Match[str]]]:
        require(self.folder, "fsdd.npz, or a folder of files such as 0_jackson_0.wav", self._cure)
        found = [(path, NAME.fullmatch(path.stem)) for path in sorted(self.folder.glob("*.wav"))]
        listed = [(path, match) for path, match in found if match]
        if not listed:
            raise DataError(Problem(str(self.folder), "none", "files such as 0_jackson_0.wav", self._cure))
        return listed
