"""Fashion-MNIST: still images of clothes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from spareto.core.artifacts import there
from spareto.core.errors import DataError, Problem
from spareto.core.options import Count
from spareto.data._base import Dataset, DatasetInfo, Images, SplitName
from spareto.data.encoders.images._plan import Coding, encoder_of
from spareto.data.folder import Root, data_folder, where_to_put
from spareto.data.idx import read_idx

ORIGIN = "https://github.com/zalandoresearch/fashion-mnist"
FILES: dict[SplitName, str] = {"train": "train", "test": "t10k"}


class FashionMnist(Dataset):
    """60,000 training and 10,000 test images of 28x28 grey values, the official split.

    Args:
        root: Folder that holds the four `.gz` files, or holds them in `fashion_mnist`; left out, the data
            folder of this machine.
        coding: How an image becomes frames: `direct`, `rate`, `latency`, `delta`, or one with its options.
        limit: Take only the first so many images of each split; left out, all.
        seed: Seed of a coding that draws spikes at random; see it.

    Reference:
        xiao2017.
    """

    info = DatasetInfo(
        classes=10,
        sensor=(1, 28, 28),
        duration_us=0,
        licence="MIT",
        source="Fashion-MNIST (Xiao et al. 2017)",
    )
    folder: ClassVar[str] = "fashion_mnist"
    origin: ClassVar[str] = ORIGIN

    def __init__(
        self,
        *,
        root: Root = None,
        coding: Coding = "direct",
        limit: Count | None = None,
        seed: int | None = None,
    ) -> None:
        self.encoder = encoder_of(coding, seed)
        self.limit = limit
        folder = data_folder(root)
        self.root = folder if there(self._paths(folder, "train")[0]) else folder / self.folder
        self._cure = where_to_put(self.root, self.origin)

    def sources(self) -> tuple[Path, ...]:
        """Images and labels, training split first."""
        return (*self._paths(self.root, "train"), *self._paths(self.root, "test"))

    @override
    def split(self, name: SplitName) -> Images:
        images, labels = self._paths(self.root, name)
        pixels, classes = read_idx(images, 3, self._cure), read_idx(labels, 1, self._cure)
        self._check(images, pixels.shape, classes)
        chosen = slice(self.limit)
        return Images(pixels[chosen, None], classes[chosen].astype(np.int64), self.encoder)

    def _check(self, path: Path, shape: tuple[int, ...], labels: np.ndarray) -> None:
        problems: list[Problem] = []
        if shape[1:] != self.info.sensor[1:]:
            got = f"images of {shape[1]}×{shape[2]} pixels"
            problems.append(Problem(str(path), got, "images of 28×28 pixels", self._cure))
        if shape[0] != len(labels):
            got = f"{shape[0]:,} images and {len(labels):,} labels"
            problems.append(Problem(str(path), got, "as many labels as images", self._cure))
        if len(labels) and labels.max() >= self.info.classes:
            got = f"a label {labels.max()}"
            problems.append(Problem(str(path), got, f"labels from 0 to {self.info.classes - 1}", self._cure))
        DataError.if_any(problems)

    @staticmethod
    def _paths(folder: Path, name: SplitName) -> tuple[Path, Path]:
        start = FILES[name]
        return folder / f"{start}-images-idx3-ubyte.gz", folder / f"{start}-labels-idx1-ubyte.gz"
