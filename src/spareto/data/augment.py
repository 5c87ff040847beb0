"""Random changes of frames that keep their label."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = TypeVar("Array", bound=npt.NDArray[Any])
Pixels = npt.NDArray[np.integer]


def shift(frames: Array, dx: Pixels, dy: Pixels) -> Array:
    """Move each sample right by `dx` and down by `dy` pixels; what comes in at the border is zero.

    Args:
        frames: Shape (time, batch, polarities, height, width).
        dx: Shift of each sample, pixels, shape (batch,); negative is left.
        dy: The same downwards; negative is up.
    """
    reach = int(max(np.abs(dx).max(initial=0), np.abs(dy).max(initial=0)))
    height, width = frames.shape[-2:]
    border = np.zeros((*frames.shape[:-2], height + 2 * reach, width + 2 * reach), frames.dtype)
    border[..., reach : reach + height, reach : reach + width] = frames
    moved = np.empty_like(frames)
    for sample, (right, down) in enumerate(zip(dx.tolist(), dy.tolist(), strict=True)):
        top, left = reach - down, reach - right
        moved[:, sample] = border[:, sample, :, top : top + height, left : left + width]
    return moved


def random_shift(frames: Array, reach: int, generator: np.random.Generator) -> Array:
    """Move each sample by its own random shift of up to `reach` pixels in x and in y."""
    dx, dy = generator.integers(-reach, reach, size=(2, frames.shape[1]), endpoint=True)
    return shift(frames, dx, dy)
