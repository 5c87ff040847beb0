"""Spiking Speech Commands: 35 spoken words as spikes."""

from __future__ import annotations

from typing import ClassVar

from spareto.data._base import DatasetInfo
from spareto.data.heidelberg import UNITS, HeidelbergDataset


class Ssc(HeidelbergDataset):
    """75,466 training and 20,382 test recordings; the official validation file is not read.

    Reference:
        cramer2022.
    """

    info = DatasetInfo(
        classes=35,
        sensor=(1, 1, UNITS),
        duration_us=1_000_000,
        licence="CC BY 4.0",
        source="Spiking Speech Commands (Cramer et al. 2022)",
    )
    files: ClassVar = {"train": "ssc_train.h5", "test": "ssc_test.h5"}
    folders: ClassVar = ("", "SSC", "ssc", "SSC/extract")
    checksums: ClassVar = {
        "ssc_train.h5.zip": "d102be95e7144fcc0553d1f45ba94170",
        "ssc_test.h5.zip": "a35ff1e9cffdd02a20eb850c17c37748",
    }
