"""2,378 filtered, polarity-blind recordings of N-MNIST."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from typing_extensions import override

from spareto.data._base import Dataset, DatasetInfo, Recordings, SplitName
from spareto.data.folder import Root, data_folder, where_to_put
from spareto.data.npz_events import read_arrays, recordings_of

HOLD_OUT = 5
ORIGIN = "a feature-extraction study of N-MNIST, or use the data set 'nmnist'"


class NMnistXyt(Dataset):
    """N-MNIST recordings of which a study kept x, y and time only, after filtering out about 13 % of events.

    Every fifth recording, counted in file order, is the test split. Accuracies on it do not compare with
    those on two-polarity recordings.

    Args:
        root: Folder that holds `nmnist_xyt.npz`; left out, the data folder of this machine.

    Reference:
        orchard2015.
    """

    info = DatasetInfo(
        classes=10,
        sensor=(1, 34, 34),
        duration_us=310_000,
        licence="CC BY-SA 4.0",
        source="N-MNIST (Orchard et al. 2015), 2,378 recordings, filtered, polarity-blind",
    )

    def __init__(self, *, root: Root = None) -> None:
        self.path = data_folder(root) / "nmnist_xyt.npz"

    def sources(self) -> tuple[Path, ...]:
        """The archive."""
        return (self.path,)

    @override
    def split(self, name: SplitName) -> Recordings:
        is_test = np.arange(len(self._all)) % HOLD_OUT == HOLD_OUT - 1
        return self._all.take(is_test if name == "test" else ~is_test)

    @cached_property
    def _all(self) -> Recordings:
        cure = where_to_put(self.path, ORIGIN)
        arrays = read_arrays(self.path, ("x", "y", "dt_us", "offsets", "label"), cure)
        return recordings_of(arrays, self.info, self.path, cure)
