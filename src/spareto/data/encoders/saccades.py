"""A still image, seen while the eye makes three saccades.

N-MNIST was recorded with the camera on a pan-tilt unit that ran along an isosceles triangle, 100 ms per side,
in front of a still digit (Orchard et al. 2015). Here the triangle is as high as wide, and the image moves
along each side as half a cosine, from rest to rest. The image, black around its border, is sampled
bilinearly where each pixel looks.

Reference:
    orchard2015 (three saccades along an isosceles triangle); the speed profile is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spareto.core.config import Record, Rule

Side = Annotated[int, Field(ge=4, le=256, strict=True), Rule("a whole number of pixels from 4 to 256")]
Travel = Annotated[float, Field(ge=0, le=32), Rule("a number of pixels from 0 to 32")]
Black = Annotated[float, Field(gt=0, le=1), Rule("a share of the white level, above 0 and at most 1")]
Samples = Annotated[int, Field(ge=2, le=1000, strict=True), Rule("an integer from 2 to 1000")]

Floats = npt.NDArray[np.float64]
SACCADE_US = 100_000
CORNERS = np.array([(-0.5, 0.5), (0.0, -0.5), (0.5, 0.5), (-0.5, 0.5)])
DURATION_US = SACCADE_US * (len(CORNERS) - 1)
GRID = 2.0**20
"""Log intensities are rounded to 1 / GRID, so that the last bit of a machine's logarithm moves no event."""


class Saccades(Record):
    """How a still image moves over the sensor.

    Args:
        sensor: Height and width of the sensor, pixels.
        travel: Width and height of the triangle, sensor pixels; at 0 nothing moves.
        black: Intensity of black where white is 1; the image contrast is (1 + black) / black.
        samples: Samples of the scene per saccade.
    """

    sensor: Side = 16
    travel: Travel = 2.0
    black: Black = 0.1
    samples: Samples = 24

    def path(self, t_us: npt.ArrayLike) -> Floats:
        """Shift of the image (right, down) in sensor pixels at the given times, shape (times, 2)."""
        legs = np.asarray(t_us, dtype=np.float64) / SACCADE_US
        leg = np.clip(np.floor(legs), 0, len(CORNERS) - 2).astype(np.intp)
        share = 0.5 - 0.5 * np.cos(np.pi * (legs - leg))
        return self.travel * (CORNERS[leg] + share[..., None] * (CORNERS[leg + 1] - CORNERS[leg]))

    def scenes(self, images: npt.NDArray[np.floating]) -> Iterator[tuple[float, Floats]]:
        """Yield (time in microseconds, log intensity of every pixel) along the saccades.

        Args:
            images: Intensities 0..1, shape (recordings, rows, columns).
        """
        times = np.linspace(0, DURATION_US, self.samples * (len(CORNERS) - 1) + 1)
        for t_us, (right, down) in zip(times, self.path(times), strict=True):
            rows = self._weights(images.shape[1], down)
            columns = self._weights(images.shape[2], right)
            seen = rows @ images @ columns.T
            yield float(t_us), np.rint(np.log(self.black + seen) * GRID) / GRID

    def _weights(self, size: int, shift: float) -> Floats:
        """Bilinear weight of each image line at each sensor line, shape (sensor, size).

        The image is scaled so that it never leaves the sensor.
        """
        scale = (self.sensor - self.travel) / (size + 1)
        centre = (self.sensor - 1) / 2
        looks_at = (np.arange(self.sensor) - centre - shift) / scale + (size - 1) / 2
        return np.maximum(0.0, 1.0 - np.abs(looks_at[:, None] - np.arange(size)))
