"""Latency coding: the brighter a pixel, the earlier its one spike."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from typing_extensions import override

from spareto.core.config import Rule
from spareto.data._base import Frames, ImageEncoder, SplitName

Grey = Annotated[int, Field(ge=1, le=255), Rule("a grey value from 1 to 255")]


class LatencyCoding(ImageEncoder):
    """One spike per pixel at most: at timestep `round((1 - grey / 255) * (T - 1))`, the brightest first.

    Args:
        least: Darker pixels stay silent; 1 silences black alone.

    Reference:
        thorpe1998: the time to the first spike.
    """

    def __init__(self, *, least: Grey = 1) -> None:
        self.least = least

    @override
    def encode(self, pixels: Frames, timesteps: int, split: SplitName) -> Frames:
        when = ((255 - pixels.astype(np.int64)) * (timesteps - 1) * 2 + 255) // 510
        fires = pixels >= self.least
        steps = np.arange(timesteps).reshape(-1, *[1] * pixels.ndim)
        return ((when == steps) & fires).astype(np.uint8)
