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


def rotate(frames: Array, degrees: npt.NDArray[np.floating[Any]]) -> Array:
    """Turn each sample about its centre, to the nearest pixel; what comes in at the corners is zero.

    Args:
        frames: Shape (time, batch, polarities, height, width).
        degrees: Angle of each sample, anticlockwise as seen with row 0 on top, shape (batch,).
    """
    height, width = frames.shape[-2:]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    rows, columns = np.indices((height, width)) - middle[:, None, None]
    turned = np.empty_like(frames)
    for sample, angle in enumerate(np.deg2rad(degrees)):
        y = np.rint(middle[0] + np.cos(angle) * rows + np.sin(angle) * columns).astype(np.intp)
        x = np.rint(middle[1] - np.sin(angle) * rows + np.cos(angle) * columns).astype(np.intp)
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        source = frames[
            :, sample, :, y.clip(0, height - 1), x.clip(0, width - 1)
        ]  # (rows, columns, time, ...)
        turned[:, sample] = np.where(inside[..., None, None], source, 0).transpose(2, 3, 0, 1)
    return turned


def random_rotation(frames: Array, reach: float, generator: np.random.Generator) -> Array:
    """Turn each sample by its own random angle of up to `reach` degrees either way."""
    return rotate(frames, generator.uniform(-reach, reach, size=frames.shape[1]))
