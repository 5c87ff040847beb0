"""Rate coding: the brighter a pixel, the more often it spikes."""

from __future__ import annotations

import numpy as np
from typing_extensions import override

from spareto.core.bounds import Seed
from spareto.data._base import Frames, ImageEncoder, SplitName

CHUNK = 256
"""Images drawn at once; bounds the memory of the random numbers, and is part of what a seed means."""
SPLITS: tuple[SplitName, ...] = ("train", "test")


class RateCoding(ImageEncoder):
    """Independent spikes, one chance per timestep: with probability grey / 255.

    Args:
        seed: Same seed, same spikes.

    Reference:
        diehl2015, for the rates; one Bernoulli trial per timestep is our discrete form.
    """

    def __init__(self, *, seed: Seed = 0) -> None:
        self.seed = seed

    @override
    def encode(self, pixels: Frames, timesteps: int, split: SplitName) -> Frames:
        frames = np.empty((timesteps, *pixels.shape), np.uint8)
        for start in range(0, len(pixels), CHUNK):
            some = pixels[start : start + CHUNK]
            generator = np.random.default_rng([self.seed, SPLITS.index(split), start])
            drawn = generator.integers(0, 255, (timesteps, *some.shape), dtype=np.uint8)  # 0..254
            frames[:, start : start + CHUNK] = drawn < some
        return frames
