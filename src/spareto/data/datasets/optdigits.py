"""Handwritten digits of 43 people: still images, the split of the UCI repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from typing_extensions import override

from spareto.core.artifacts import there
from spareto.core.errors import DataError, Problem
from spareto.data._base import Dataset, DatasetInfo, Images, SplitName
from spareto.data.encoders.images._plan import Coding, encoder_of
from spareto.data.folder import Root, data_folder, require, where_to_put

ORIGIN = "https://archive.ics.uci.edu/dataset/80"
FILES: dict[SplitName, str] = {"train": "optdigits.tra", "test": "optdigits.tes"}
SIDE, WHITE = 8, 16
LARGEST = 1 << 26
"""Bytes of a file, a hundred times those of the official ones."""


class OptDigits(Dataset):
    """3,823 training images of 30 people and 1,797 test images of 13 others, 8x8 grey values.

    Args:
        root: Folder that holds `optdigits.tra` and `optdigits.tes`, or holds them in `uci`; left out, the
            data folder of this machine.
        coding: How an image becomes frames: `direct`, `rate`, `latency`, `delta`, or one with its options.
        seed: Seed of a coding that draws spikes at random; see it.

    Reference:
        alpaydin1998.
    """

    info = DatasetInfo(
        classes=10,
        sensor=(1, SIDE, SIDE),
        duration_us=0,
        licence="CC BY 4.0",
        source="Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998)",
    )

    def __init__(self, *, root: Root = None, coding: Coding = "direct", seed: int | None = None) -> None:
        self.encoder = encoder_of(coding, seed)
        folder = data_folder(root)
        self.root = folder if there(folder / FILES["train"]) else folder / "uci"

    def sources(self) -> tuple[Path, ...]:
        """The training file, then that of the test split."""
        return self.root / FILES["train"], self.root / FILES["test"]

    @override
    def split(self, name: SplitName) -> Images:
        path = self.root / FILES[name]
        rule, cure = "lines of 64 grey values from 0 to 16 and a digit", where_to_put(self.root, ORIGIN)
        require(path, rule, cure)
        if path.stat().st_size > LARGEST:
            raise DataError(
                Problem(str(path), f"{path.stat().st_size:,} bytes", f"at most {LARGEST:,}", cure)
            )
        try:
            lines = np.loadtxt(path, np.int64, delimiter=",", ndmin=2)
        except (ValueError, OverflowError) as error:
            got = f"what is no such line ({' '.join(str(error).split())[:80]})"
            raise DataError(Problem(str(path), got, rule, cure)) from None
        if lines.shape[1] != SIDE * SIDE + 1 or not len(lines):
            got = f"{len(lines):,} lines of {lines.shape[1]} numbers"
            raise DataError(Problem(str(path), got, rule, cure))
        grey, labels = lines[:, :-1], lines[:, -1]
        if grey.min() < 0 or grey.max() > WHITE or labels.min() < 0 or labels.max() >= self.info.classes:
            got = (
                f"grey values from {grey.min()} to {grey.max()}, digits from {labels.min()} to {labels.max()}"
            )
            raise DataError(Problem(str(path), got, rule, cure))
        pixels = (grey * (255 / WHITE)).round().astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
        return Images(pixels, labels, self.encoder)
