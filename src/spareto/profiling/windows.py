"""How much of a tensor lies in windows of timesteps that are not silent."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

AT_ONCE: Final = 1 << 17  # bytes of all timesteps that are looked at together; more would leave the caches


def covered(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Elements of all timesteps in whose window of timesteps their neuron is not silent.

    Windows are cut from the first timestep on; the last one may be shorter.

    Args:
        words: Whether an element is not zero, 64 neurons per word, shape (time, samples, words).

    Returns:
        Counts for windows of 1, 2, ... T timesteps, shape (T, samples).
    """
    time, samples, size = words.shape
    result = np.empty((time, samples), np.int64)
    each = max(1, AT_ONCE // max(1, 8 * time * size))
    for first in range(0, samples, each):
        part = np.ascontiguousarray(words[:, first : first + each])
        result[:, first : first + each] = _covered(part)
    return result


def _covered(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The same of words of 64 neurons: every window is the union of two whose length is a power of two."""
    time = len(words)
    unions = [words]  # of 1, 2, 4, ... timesteps, by the first of them
    while 2 ** len(unions) <= time:
        length = 2 ** (len(unions) - 1)
        unions.append(unions[-1][:-length] | unions[-1][length:])
    result = np.empty((time, words.shape[1]), np.int64)
    for window in range(1, time + 1):
        level = window.bit_length() - 1
        whole = time // window * window
        starts = np.arange(0, whole, window)
        awake = unions[level][starts] | unions[level][starts + window - 2**level]
        counts = window * np.bitwise_count(awake).sum((0, 2), dtype=np.int64)
        rest = time - whole
        if rest:
            level = rest.bit_length() - 1
            last = unions[level][whole] | unions[level][time - 2**level]
            counts = counts + rest * np.bitwise_count(last).sum(1, dtype=np.int64)
        result[window - 1] = counts
    return result
