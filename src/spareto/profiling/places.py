"""Where the non-zero elements of a tensor are, and which of its neurons are silent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Places:
    """Non-zero elements by place and by time and channel, summed over samples, batch by batch."""

    def __init__(self) -> None:
        self._awake: Tensor | None = None
        self._by_place: Tensor | None = None
        self._by_step: list[Tensor] = []
        self._steps: list[Tensor] = []
        self._awake_counts: list[Tensor] = []

    def see(self, live: Tensor, batch: int) -> None:
        """Note one call.

        Args:
            live: Whether an element is not zero, shape `(time x batch, channels, ...)`.
            batch: Samples of the batch.
        """
        steps = live.reshape(-1, batch, *live.shape[1:])
        awake, by_place = steps.any(0), steps.sum((0, 1)).double()
        self._awake = awake if self._awake is None else self._awake | awake
        self._by_place = by_place if self._by_place is None else self._by_place + by_place
        self._by_step.append(steps.flatten(3).sum((1, 3)) if steps.dim() > 3 else steps.sum(1))

    def end_batch(self) -> None:
        """Close one batch."""
        if self._awake is not None:
            self._awake_counts.append(self._awake.flatten(1).sum(1).double())
            self._steps.append(torch.cat(self._by_step).double())
            self._awake = None
            self._by_step.clear()

    @property
    def awake(self) -> npt.NDArray[np.float64]:
        """Neurons with a non-zero element in any timestep, shape `(samples,)`."""
        return torch.cat(self._awake_counts).numpy()

    @property
    def by_step_and_channel(self) -> npt.NDArray[np.float64]:
        """Non-zero elements, summed over samples and places, shape `(time, channels)`."""
        return torch.stack(self._steps).sum(0).numpy()

    @property
    def by_place(self) -> npt.NDArray[np.float64]:
        """Non-zero elements, summed over samples and timesteps, shape `(channels, ...)`."""
        if self._by_place is None:
            raise ValueError("nothing was seen")
        return self._by_place.numpy()


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
