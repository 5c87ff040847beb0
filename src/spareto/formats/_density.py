"""Statistics of where zeros are, for when only their number is known."""

from __future__ import annotations

from math import lgamma
from typing import Literal

import numpy as np
import numpy.typing as npt

_log_gamma = np.frompyfunc(lgamma, 1, 1)


DensityModel = Literal["hypergeometric", "uniform", "fixed"]


def probability_empty(
    density: float | npt.NDArray[np.float64],
    size: npt.NDArray[np.int64],
    tile: npt.NDArray[np.int64],
    model: DensityModel = "hypergeometric",
) -> npt.NDArray[np.float64]:
    """Probability that `tile` elements of a tensor of `size` are all zero.

    Args:
        density: Share of the `size` elements that are not zero; one number, or one a point of a sweep.
        size: Elements of the tensor.
        tile: Elements of the tile.
        model: Elements are drawn from the tensor without replacement (`hypergeometric`), or each is zero by
            itself (`uniform`), which is the same where the tensor is large, or every tile holds its share of
            them, rounded up or down (`fixed`).

    Reference:
        wu2022: the hypergeometric density model; a tile of one element is empty with 1 - density.
    """
    if model == "uniform":
        return np.asarray((1.0 - density) ** np.broadcast_arrays(tile, size)[0], np.float64)
    if model == "fixed":
        return np.clip(1.0 - density * np.broadcast_arrays(tile, size)[0], 0.0, 1.0)
    if np.all(tile == 1):
        shape = np.broadcast_shapes(size.shape, tile.shape, np.shape(density))
        return np.broadcast_to(1.0 - density, shape).astype(np.float64)
    size, tile = np.broadcast_arrays(size, tile)
    live = np.round(size * density)
    possible = size - live >= tile
    zeros, rest = np.where(possible, size - live, tile), np.maximum(size, tile)
    log = _log_choose(zeros, tile) - _log_choose(rest, tile)
    drawn = np.where(possible, np.exp(log), 0.0)
    return np.where(tile == 1, 1.0 - density, drawn)


def _log_choose(total: npt.NDArray[np.float64], part: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    parts = _log_gamma(total + 1.0) - _log_gamma(part + 1.0) - _log_gamma(total - part + 1.0)
    return np.asarray(parts, dtype=np.float64)
