"""Spiking Heidelberg Digits: spoken digits in English and German as spikes."""

from __future__ import annotations

from typing import ClassVar

from spareto.data._base import DatasetInfo
from spareto.data.heidelberg import UNITS, HeidelbergDataset


class Shd(HeidelbergDataset):
    """8,156 training and 2,264 test recordings of the digits 0 to 9 in two languages.

    Reference:
        cramer2022.
    """

    info = DatasetInfo(
        classes=20,
        sensor=(1, 1, UNITS),
        duration_us=1_400_000,
        licence="CC BY 4.0",
        source="Spiking Heidelberg Digits (Cramer et al. 2022)",
    )
    files: ClassVar = {"train": "shd_train.h5", "test": "shd_test.h5"}
    folders: ClassVar = ("", "SHD", "shd", "SHD/extract")
    checksums: ClassVar = {
        "shd_train.h5.zip": "f3252aeb598ac776c1b526422d90eecb",
        "shd_test.h5.zip": "1503a5064faa34311c398fb0a1ed0a6f",
    }
