"""The images of a study: what is learnt, what ranks the candidates, what is kept for the last number."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spareto.core.errors import ConfigError, Problem
from spareto.data._base import Images, SplitName
from spareto.data.load import open_dataset
from spareto.plasticity.config import LocalStudy


@dataclass(frozen=True)
class PictureSet:
    """Some images.

    Args:
        pixels: Grey values, shape (images, channels, height, width).
        labels: Shape (images,).
        numbers: Of each in its file, shape (images,).
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]

    def take(self, chosen: npt.NDArray[np.int64]) -> PictureSet:
        """The images at these places."""
        return PictureSet(self.pixels[chosen], self.labels[chosen], self.numbers[chosen])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class PictureData:
    """The three parts.

    Args:
        train: What is learnt, and what neurons get their classes from.
        validation: The rest of the training split.
        test: The test split.
        classes: How many classes.
        hash: Of all of it.
    """

    train: PictureSet
    validation: PictureSet
    test: PictureSet
    classes: int
    hash: str


def load_pictures(plan: LocalStudy) -> PictureData:
    """Read the images; which are held out depends on the share alone, not on a seed.

    Raises:
        UnknownName: No data set of that name exists.
        ConfigError: It is no data set of still images, or leaves nothing to learn or to rank on.
        DataError: A file is missing, truncated or malformed.
    """
    options: dict[str, Any] = dict(plan.data.options)
    dataset = open_dataset(plan.data.name, **options)
    parts: list[PictureSet] = []
    content = hashlib.sha256()
    names: tuple[SplitName, SplitName] = ("train", "test")
    for name in names:
        split = None if dataset.info.duration_us else dataset.split(name)
        if not isinstance(split, Images):
            cure = "Take digit_images, optdigits, mnist or fashion_mnist."
            raise ConfigError(Problem("data.name", f"'{plan.data.name}', recordings", "still images", cure))
        parts.append(PictureSet(split.pixels, split.labels, np.arange(len(split.labels))))
        content.update(repr(split.pixels.shape).encode())
        content.update(np.ascontiguousarray(split.pixels).tobytes())
        content.update(split.labels.tobytes())
    whole, test = parts
    order = np.random.default_rng(0).permutation(len(whole))
    held = round(plan.validation_share * len(whole))
    if not 0 < held < len(whole) or not len(test):
        got, rule = f"{held} of {len(whole)} images", "some to rank on, some to learn and some to test"
        raise ConfigError(Problem("validation_share", got, rule))
    train, validation = whole.take(np.sort(order[held:])), whole.take(np.sort(order[:held]))
    return PictureData(train, validation, test, dataset.info.classes, content.hexdigest()[:16])


def baselines(data: PictureData) -> dict[str, float]:
    """Test accuracy of two classifiers that need no spikes, learnt from the same images.

    Returns:
        `majority`: always the commonest class; `linear`: logistic regression on standardised grey values.
    """
    commonest = np.bincount(data.train.labels, minlength=data.classes).argmax()
    train, test = (part.pixels.reshape(len(part), -1).astype(np.float32) for part in (data.train, data.test))
    some = slice(20_000)  # as many as it takes: more changes the third digit, and takes minutes
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=100, tol=1e-3))
    linear.fit(train[some], data.train.labels[some])
    return {
        "majority": float((data.test.labels == commonest).mean()),
        "linear": float(linear.score(test, data.test.labels)),
    }
