"""Random changes of frames that keep their label."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = TypeVar("Array", bound=npt.NDArray[Any])
Pixels = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
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


def flip(frames: Array, chosen: Bools) -> Array:
    """Mirror the chosen samples, left for right.

    Args:
        frames: Shape (time, batch, polarities, height, width).
        chosen: Which samples, shape (batch,).
    """
    flipped = frames.copy()
    flipped[:, chosen] = frames[:, chosen][..., ::-1]
    return flipped


def random_flip(frames: Array, generator: np.random.Generator) -> Array:
    """Mirror each sample with probability one half."""
    return flip(frames, generator.random(frames.shape[1]) < 0.5)


def roll(frames: Array, dx: Pixels, dy: Pixels) -> Array:
    """Move each sample as `shift` does; what goes out at one border comes in at the other."""
    moved = np.empty_like(frames)
    for sample, (right, down) in enumerate(zip(dx.tolist(), dy.tolist(), strict=True)):
        moved[:, sample] = np.roll(frames[:, sample], (down, right), axis=(-2, -1))
    return moved


def random_roll(frames: Array, reach: int, generator: np.random.Generator) -> Array:
    """Roll each sample by its own random shift of up to `reach` pixels in x and in y."""
    dx, dy = generator.integers(-reach, reach, size=(2, frames.shape[1]), endpoint=True)
    return roll(frames, dx, dy)


def random_drop(frames: Array, most: float, generator: np.random.Generator) -> Array:
    """Drop pixels with events, at random: of each sample a share of its own, up to `most`.

    Reference:
        gu2021, the random drop.
    """
    shares = generator.uniform(0, most, frames.shape[1])[:, None, None, None]
    kept = frames.copy()
    kept[generator.random(frames.shape, np.float32) < shares] = 0
    return kept


def random_jitter(frames: Array, reach: int, generator: np.random.Generator) -> Array:
    """Move what a pixel has at a timestep by up to `reach` timesteps, at random; at the ends it stays inside.

    Of what falls together the larger number counts, so that binary frames stay binary.

    Args:
        frames: Shape (time, batch, polarities, height, width).
        reach: Timesteps.
        generator: Draws how far, uniformly.
    """
    steps = len(frames)
    by = generator.integers(-reach, reach, size=frames.shape, endpoint=True, dtype=np.int8)
    moved = np.zeros_like(frames)
    for step in range(steps):
        for distance in range(-reach, reach + 1):
            place = min(max(step + distance, 0), steps - 1)
            some = np.where(by[step] == distance, frames[step], np.zeros((), frames.dtype))
            np.maximum(moved[place], some, out=moved[place])
    return moved


def random_mix(
    frames: Array, concentration: float, generator: np.random.Generator
) -> tuple[Array, Pixels, float]:
    """Paste a rectangle of another sample of the batch into each sample, the same one into all.

    Args:
        frames: Shape (time, batch, polarities, height, width).
        concentration: The share that stays is drawn from Beta(concentration, concentration).
        generator: Draws the rectangle, and whose it is.

    Returns:
        The frames, which sample each rectangle is from, and the share of pixels that stay.

    Reference:
        yun2019.
    """
    height, width = frames.shape[-2:]
    partners = generator.permutation(frames.shape[1])
    side = np.sqrt(1.0 - generator.beta(concentration, concentration))
    middle = generator.integers((height, width))
    sizes = np.rint(side * np.array([height, width]) / 2).astype(np.int64)
    top, left = np.maximum(middle - sizes, 0)
    bottom, right = np.minimum(middle + sizes, (height, width))
    mixed = frames.copy()
    mixed[..., top:bottom, left:right] = frames[:, partners, :, top:bottom, left:right]
    return mixed, partners, 1.0 - float((bottom - top) * (right - left)) / (height * width)
