"""Delta coding: a spike wherever the image is a step above what the spikes so far say."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from typing_extensions import override

from spareto.core.config import Rule
from spareto.data._base import Frames, ImageEncoder, SplitName

Step = Annotated[float, Field(gt=0, le=255), Rule("a number of grey values above 0, at most 255")]


class DeltaCoding(ImageEncoder):
    """A receiver holds 0 for every pixel, and each spike adds `step`; a pixel spikes as long as it is behind.

    So a pixel of grey value g spikes in the first `floor(g / step)` timesteps. Of a still image there are no
    other changes to send.

    Args:
        step: Grey values a spike stands for; left out, 255 / T, so that white spikes at every timestep.

    Reference:
        yousefzadeh2019: events that carry the change since the last one.
    """

    def __init__(self, *, step: Step | None = None) -> None:
        self.step = step

    @override
    def encode(self, pixels: Frames, timesteps: int, split: SplitName) -> Frames:
        step = self.step or 255 / timesteps
        count = np.floor(pixels / step + 1e-9)
        steps = np.arange(timesteps).reshape(-1, *[1] * pixels.ndim)
        return (steps < count).astype(np.uint8)
