"""Still images of handwritten digits; nothing to download."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from typing_extensions import override

from spareto.data._base import Dataset, DatasetInfo, Images, SplitName
from spareto.data.datasets.digits import WHITE, every_fifth_of_each
from spareto.data.encoders.images._plan import Coding, encoder_of


class DigitImages(Dataset):
    """The 1,797 images of 8x8 grey values that scikit-learn carries, as they are.

    The split is that of `digits`: of each digit, every fifth image in file order is a test image.

    Args:
        coding: How an image becomes frames: `direct`, `rate`, `latency`, `delta`, or one with its options.
        seed: Seed of a coding that draws spikes at random; see it.

    Reference:
        alpaydin1998.
    """

    info = DatasetInfo(
        classes=10,
        sensor=(1, 8, 8),
        duration_us=0,
        licence="CC BY 4.0",
        source="Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998)",
    )

    def __init__(self, *, coding: Coding = "direct", seed: int | None = None) -> None:
        self.encoder = encoder_of(coding, seed)

    @override
    def split(self, name: SplitName) -> Images:
        pixels, labels = self._all
        is_test = every_fifth_of_each(labels)
        return Images(pixels, labels, self.encoder).take(is_test if name == "test" else ~is_test)

    @cached_property
    def _all(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        found: Any = load_digits()
        grey = np.asarray(found.images, np.float64) * (255 / WHITE)
        return grey.round().astype(np.uint8)[:, None], np.asarray(found.target, np.int64)
