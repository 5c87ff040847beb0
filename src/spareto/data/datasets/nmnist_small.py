"""1,000 training and 100 test recordings of N-MNIST, both polarities."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from typing_extensions import override

from spareto.core.errors import DataError, Problem
from spareto.data._base import Dataset, DatasetInfo, Recordings, SplitName
from spareto.data.folder import Root, data_folder, where_to_put
from spareto.data.npz_events import Arrays, read_arrays, recordings_of

FIRST_TEST_ID = 60_001
ORIGIN = "https://www.garrickorchard.com/datasets/n-mnist (data set 'nmnist' reads the whole of it)"


class NMnistSmall(Dataset):
    """The subset of N-MNIST that ships with SLAYER: samples 1..1000 train, 60001..60100 test.

    Args:
        root: Folder that holds `nmnist_small.npz`; left out, the data folder of this machine.

    Reference:
        orchard2015 (recordings); shrestha2018 (the subset).
    """

    info = DatasetInfo(
        classes=10,
        sensor=(2, 34, 34),
        duration_us=310_000,
        licence="CC BY-SA 4.0",
        source="N-MNIST (Orchard et al. 2015), a subset of 1,100 recordings",
    )

    def __init__(self, *, root: Root = None) -> None:
        self.path = data_folder(root) / "nmnist_small.npz"

    def sources(self) -> tuple[Path, ...]:
        """The archive."""
        return (self.path,)

    @override
    def split(self, name: SplitName) -> Recordings:
        arrays, recordings = self._all
        is_test = arrays["sample_id"] >= FIRST_TEST_ID
        return recordings.take(is_test if name == "test" else ~is_test)

    @cached_property
    def _all(self) -> tuple[Arrays, Recordings]:
        cure = where_to_put(self.path, ORIGIN)
        arrays = read_arrays(self.path, ("x", "y", "p", "dt_us", "offsets", "label", "sample_id"), cure)
        ids, labels = len(np.unique(arrays["sample_id"])), len(arrays["label"])
        if ids != labels:
            rule = f"{labels} different ones, one a label"
            raise DataError(Problem(f"{self.path}: sample_id", f"{ids} different values", rule, cure))
        return arrays, recordings_of(arrays, self.info, self.path, cure)
