"""Where the non-zero elements of a tensor are, and which of its neurons are silent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def reaching(
    by_place: npt.NDArray[np.float64],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    output: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Non-zero inputs that each place of a kernel meets while it passes over the input.

    Args:
        by_place: Non-zero inputs, shape `(channels, height, width)`.
        kernel: Height, width.
        stride: Vertical, horizontal.
        padding: Vertical, horizontal.
        output: Height, width.

    Returns:
        Shape `(channels, kernel height, kernel width)`.
    """
    vertical = _windows(by_place.shape[1], kernel[0], stride[0], padding[0], output[0])
    horizontal = _windows(by_place.shape[2], kernel[1], stride[1], padding[1], output[1])
    return np.einsum("chw,rh,sw->crs", by_place, vertical, horizontal, optimize=True)


def _windows(size: int, kernel: int, stride: int, padding: int, output: int) -> npt.NDArray[np.float64]:
    """Which inputs of one axis each tap of a kernel meets, shape `(kernel, size)`."""
    met = np.zeros((kernel, size))
    for tap in range(kernel):
        places = np.arange(output) * stride - padding + tap
        met[tap, places[(places >= 0) & (places < size)]] = 1.0
    return met
