"""Handwritten digits seen by a simulated event camera; nothing to download."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from typing_extensions import override

from spareto.data._base import Dataset, DatasetInfo, Recordings, SplitName
from spareto.data.encoders.event_camera import EventCamera
from spareto.data.encoders.saccades import DURATION_US, Saccades

HOLD_OUT = 5
WHITE = 16.0


class Digits(Dataset):
    """The 1,797 images of 8x8 pixels that scikit-learn carries, moved along three saccades.

    Of each digit, every fifth image in file order is in the test split: 1,442 train, 355 test.

    Args:
        sensor: Height and width of the camera, pixels.
        travel: How far the image moves, sensor pixels.
        threshold: Contrast threshold of the camera, natural-log units.
        refractory_us: Dead time of a pixel after an event, microseconds.
        mismatch: Standard deviation of the pixels' thresholds, relative.
        seed: Which camera: draws the thresholds.

    Reference:
        alpaydin1998 (images); orchard2015 (saccades); rebecq2018 (camera).
    """

    info = DatasetInfo(
        classes=10,
        sensor=(2, 16, 16),
        duration_us=DURATION_US,
        licence="CC BY 4.0",
        source="Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998), simulated event camera",
    )

    def __init__(
        self,
        *,
        sensor: int = 16,
        travel: float = 2.0,
        threshold: float = 0.4,
        refractory_us: int = 1_000,
        mismatch: float = 0.03,
        seed: int = 0,
    ) -> None:
        self.eye = Saccades.parse({"sensor": sensor, "travel": travel}, "data.options")
        camera = {"threshold": threshold, "refractory_us": refractory_us, "mismatch": mismatch, "seed": seed}
        self.camera = EventCamera.parse(camera, "data.options")
        self.info = replace(type(self).info, sensor=(2, sensor, sensor))

    @override
    def split(self, name: SplitName) -> Recordings:
        images, labels = self._images
        is_test = every_fifth_of_each(labels)
        chosen = is_test if name == "test" else ~is_test
        return self.camera.watch(self.eye.scenes(images[chosen]), labels[chosen])

    @cached_property
    def _images(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        pixels, labels = load_digits(return_X_y=True)
        return np.reshape(pixels, (-1, 8, 8)) / WHITE, np.asarray(labels, np.int64)


def every_fifth_of_each(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which images are of the test split: every fifth of each digit, in file order."""
    held_out = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[HOLD_OUT - 1 :: HOLD_OUT]] = True
    return held_out
