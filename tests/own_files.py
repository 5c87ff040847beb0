"""Files as users have them: recordings, folders, and code of two files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SENSOR = (2, 6, 8)


def recording(
    seed: int, label: int = 0, events: int = 60, duration_us: int = 300_000
) -> dict[str, np.ndarray]:
    """Events in the left half for class 0, in the right for class 1."""
    rng = np.random.default_rng([seed, label])
    return {
        "x": rng.integers(0, 4, events) + 4 * label,
        "y": rng.integers(0, 6, events),
        "p": rng.integers(0, 2, events),
        "t": np.sort(rng.integers(0, duration_us, events)),
    }


def write_folder(root: Path, change=lambda events: events, each: int = 3) -> Path:
    """`train` and `test`, in each one folder a class, in each some recordings."""
    for number, split in enumerate(("train", "test")):
        for label, name in enumerate(("cat", "dog")):
            place = root / split / name
            place.mkdir(parents=True)
            for index in range(each):
                np.savez(place / f"{index}.npz", **change(recording(10 * number + index, label)))
    return root
