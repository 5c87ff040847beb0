"""Random changes of frames that keep their label."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = TypeVar("Array", bound=npt.NDArray[Any])
Pixels = npt.NDArray[np.integer]
Reals = npt.NDArray[np.floating[Any]]


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


def rotations(degrees: Reals) -> Reals:
    """Matrices for `warp` that turn anticlockwise, as seen with row 0 on top; shape (batch, 2, 2)."""
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], -2)


def warp(frames: Array, matrices: Reals) -> Array:
    """Resample each sample about its centre, to the nearest pixel; what comes in from outside is zero.

    Args:
        frames: Shape (time, batch, polarities, height, width).
        matrices: Where each pixel of the result looks: (row, column) from the centre of the frame is the
            matrix times (row, column) from the centre of the result; shape (batch, 2, 2).
    """
    height, width = frames.shape[-2:]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    offsets = np.indices((height, width)) - middle[:, None, None]
    warped = np.empty_like(frames)
    for sample, matrix in enumerate(matrices):
        seen = np.tensordot(matrix, offsets, axes=1) + middle[:, None, None]
        y, x = np.rint(seen).astype(np.intp)
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        source = frames[
            :, sample, :, y.clip(0, height - 1), x.clip(0, width - 1)
        ]  # (rows, columns, time, ..)
        warped[:, sample] = np.where(inside[..., None, None], source, 0).transpose(2, 3, 0, 1)
    return warped


def random_warp(
    frames: Array, generator: np.random.Generator, *, rotation: float, scale: float, shear: float
) -> Array:
    """Turn, scale and shear each sample by random amounts of its own.

    Args:
        frames: Shape (time, batch, polarities, height, width).
        generator: Draws the amounts, uniformly.
        rotation: Up to this many degrees either way.
        scale: Sizes change by up to this share either way.
        shear: Rows slide by up to this share of their distance from the centre.
    """
    batch = frames.shape[1]
    turned = rotations(generator.uniform(-rotation, rotation, batch))
    slanted = np.tile(np.eye(2), (batch, 1, 1))
    slanted[:, 1, 0] = generator.uniform(-shear, shear, batch)
    sizes = 1 + generator.uniform(-scale, scale, (batch, 1, 1))
    return warp(frames, slanted @ turned / sizes)
