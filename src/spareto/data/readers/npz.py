"""NumPy archives of x, y, p and t, as SpikingJelly writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from typing_extensions import override

from spareto.core.archives import Damaged, load_arrays
from spareto.core.errors import DataError, Problem
from spareto.data.readers._base import LATEST_US, EventReader, EventStream

NAMES = ("t", "x", "y", "p")


class Npz(EventReader):
    """Arrays `x`, `y`, `p` (0 and 1, or true and false) and `t` in microseconds, one value per event."""

    title = "NumPy archives of events"
    suffixes = (".npz",)
    expansion = 1100  # they may be compressed, a thousandfold at most

    @classmethod
    @override
    def knows(cls, start: bytes) -> bool:
        return start.startswith(b"PK\x03\x04")

    @override
    def read(self, path: Path) -> EventStream:
        self.refuse_empty(path)
        try:
            arrays = load_arrays(path, NAMES)
            if not isinstance(arrays, dict):
                raise Damaged("a single array")
        except Damaged as error:
            raise self.refused(path, f"a truncated or damaged file ({error})", self.title) from None
        DataError.if_any(
            Problem(f"{path}: {name}", "nothing", "an array of one number an event", "Save it again.")
            for name in NAMES
            if name not in arrays
        )
        t, x, y, p = (self._flat(path, name, arrays[name]) for name in NAMES)
        if not len(t) == len(x) == len(y) == len(p):
            got = f"{len(t):,}, {len(x):,}, {len(y):,} and {len(p):,} values of t, x, y and p"
            raise self.refused(path, got, "one of each an event", "Save it again.")
        return EventStream(
            str(path), x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), t.astype(np.int64)
        )

    def _flat(self, path: Path, name: str, array: np.ndarray) -> np.ndarray:
        most = {"t": LATEST_US, "p": 1}.get(name, 0xFFFF)
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            got = f"{array.ndim} axes of {array.dtype}"
            raise self.refused(Path(f"{path}: {name}"), got, "a flat array of numbers", "Save it again.")
        values = array.astype(np.float64) if array.dtype.kind == "f" else array
        whole = array.dtype.kind != "f" or bool(
            np.isfinite(values).all() and (values == np.floor(values)).all()
        )
        if not whole or (len(values) and not 0 <= values.min() <= values.max() <= most):
            got = f"{values.min():g} to {values.max():g}" if whole else "fractions, nan or infinity"
            raise self.refused(
                Path(f"{path}: {name}"), got, f"whole numbers from 0 to {most:,}", "Save it again."
            )
        return values
