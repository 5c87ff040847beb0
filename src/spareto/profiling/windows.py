"""How much of a tensor lies in windows of timesteps that are not silent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def covered(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Elements of all timesteps in whose window of timesteps their neuron is not silent.

    Windows are cut from the first timestep on; the last one may be shorter.

    Args:
        packed: Whether an element is not zero, neurons packed eight a byte, shape (time, samples, bytes).

    Returns:
        Counts for windows of 1, 2, ... T timesteps, shape (T, samples).
    """
    time = len(packed)
    result = np.empty((time, packed.shape[1]), np.int64)
    for window in range(1, time + 1):
        starts = np.arange(0, time, window)
        awake = np.bitwise_count(np.bitwise_or.reduceat(packed, starts, axis=0)).sum(2, dtype=np.int64)
        lengths = np.diff(np.append(starts, time))
        result[window - 1] = lengths @ awake
    return result
