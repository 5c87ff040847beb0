"""MNIST: still images of handwritten digits, where its four files are."""

from __future__ import annotations

from typing import ClassVar

from spareto.data._base import DatasetInfo
from spareto.data.datasets.fashion_mnist import FashionMnist


class Mnist(FashionMnist):
    """60,000 training and 10,000 test images of 28x28 grey values, the official split.

    Args:
        root: Folder that holds the four `.gz` files, or holds them in `mnist`; left out, the data folder of
            this machine.
        coding: How an image becomes frames: `direct`, `rate`, `latency`, `delta`, or one with its options.
        limit: Take only the first so many images of each split; left out, all.
        seed: Seed of a coding that draws spikes at random; see it.

    Reference:
        lecun1998.
    """

    info = DatasetInfo(
        classes=10,
        sensor=(1, 28, 28),
        duration_us=0,
        licence="CC BY-SA 3.0",
        source="MNIST (LeCun et al. 1998)",
    )
    folder: ClassVar[str] = "mnist"
    origin: ClassVar[str] = "http://yann.lecun.com/exdb/mnist or a mirror of it"
