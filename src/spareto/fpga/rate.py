"""The rate encoder on the chip, in numpy: pixels become spikes by a shift register with feedback."""

from __future__ import annotations

import numpy as np

from spareto.integer.network import Ints

SEED = 5


def register(seed: int, count: int) -> Ints:
    """States of the 16-bit register (taps 15, 14, 12 and 3), from its seed on.

    >>> register(5, 3).tolist()
    [5, 10, 21]
    """
    found = np.empty(count, np.int64)
    state = seed
    for n in range(count):
        found[n] = state
        bit = (state >> 15 ^ state >> 14 ^ state >> 12 ^ state >> 3) & 1
        state = (state << 1 & 0xFFFF) | bit
    return found


def encoded(images: Ints, timesteps: int, seed: int = SEED) -> Ints:
    """Bits (time, images, pixels) of images (images, pixels) of 8-bit pixels; every image begins anew."""
    pixels = images.shape[1]
    levels = (register(seed, timesteps * pixels) & 255).reshape(timesteps, 1, pixels)
    return (images[None].astype(np.int64) > levels).astype(np.int64)
