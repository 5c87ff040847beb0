"""Which positions of a convolution an input reaches: how often a tap lies in the map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pair = tuple[int, int]


def uses(kernel: Pair, stride: Pair, padding: Pair, sides: Pair, plane: Pair) -> npt.NDArray[np.int64]:
    """Positions at which each tap lies in the map, shape of the kernel.

    >>> uses((3, 3), (1, 1), (1, 1), (4, 4), (4, 4)).tolist()
    [[9, 12, 9], [12, 16, 12], [9, 12, 9]]
    """
    inside = [_inside(*axis).sum(0) for axis in zip(kernel, stride, padding, sides, plane, strict=True)]
    return np.outer(*inside).astype(np.int64)


def longest(kernel: Pair, stride: Pair, padding: Pair, sides: Pair, plane: Pair) -> int:
    """Positions that the input with most of them is in.

    >>> longest((5, 5), (2, 2), (0, 0), (34, 34), (15, 15))
    9
    """
    found = 1
    for width, step, pad, side, count in zip(kernel, stride, padding, sides, plane, strict=True):
        taps = _places(width, step, pad, count)
        found *= int(np.bincount(taps[_inside(width, step, pad, side, count)], minlength=1).max())
    return found


def _places(width: int, step: int, pad: int, count: int) -> npt.NDArray[np.int64]:
    return np.arange(count)[:, None] * step - pad + np.arange(width)


def _inside(width: int, step: int, pad: int, side: int, count: int) -> npt.NDArray[np.bool_]:
    places = _places(width, step, pad, count)
    return (places >= 0) & (places < side)
