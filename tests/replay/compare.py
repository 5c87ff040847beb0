"""Whether a call that was made again did what it did when it was recorded."""

import numpy as np

from replay.recording import ADDRESSES, Call


def difference(call: Call, found: list[np.ndarray]) -> float:
    """Largest difference of floats, relative to the largest number of their region.

    Infinite where integers or bits differ, or a NaN or infinity is not where one was.

    Args:
        call: The recorded call.
        found: Its regions after the other call.
    """
    worst = 0.0
    for region, other in zip(call.regions, found, strict=True):
        if region.kind == ADDRESSES or np.array_equal(region.after, other):
            continue
        if not region.kind.startswith("float"):
            return np.inf
        mine, theirs = (side.view(region.kind).astype(np.float64) for side in (region.after, other))
        real = np.isfinite(mine)
        if not np.array_equal(mine[~real], theirs[~real], equal_nan=True):
            return np.inf
        scale = np.abs(mine[real]).max(initial=0.0)
        gap = np.abs(mine[real] - theirs[real]).max(initial=0.0)
        worst = max(worst, gap / scale if scale > 0 else np.inf if gap > 0 else 0.0)
    return worst
