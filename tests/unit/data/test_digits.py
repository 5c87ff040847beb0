import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from spareto.core.errors import ConfigError
from spareto.data.datasets.digits import Digits
from spareto.data.frames import frames


@pytest.fixture(scope="module")
def digits():
    return Digits()


@pytest.fixture(scope="module")
def splits(digits):
    return digits.split("train"), digits.split("test")


def test_every_image_is_in_one_split(splits):
    train, test = splits
    assert (len(train), len(test)) == (1442, 355)
    everyone = np.bincount(load_digits().target)
    assert np.array_equal(np.bincount(train.labels) + np.bincount(test.labels), everyone)
    assert np.array_equal(np.bincount(test.labels), everyone // 5)


def test_the_camera_is_as_busy_as_a_real_one(digits, splits):
    """N-MNIST has 0.081 ones in binary frames at T = 10, and as many ON as OFF events."""
    train, _ = splits
    assert 0.06 < frames(train, digits.info, 10).mean() < 0.12
    assert train.polarity.mean() == pytest.approx(0.5, abs=0.02)


def test_a_linear_classifier_learns_the_events(digits, splits):
    features = [
        frames(split, digits.info, 10).swapaxes(0, 1).reshape(len(split), -1).astype(np.float32)
        for split in splits
    ]
    classifier = RidgeClassifier(alpha=100.0).fit(features[0], splits[0].labels)
    assert classifier.score(features[1], splits[1].labels) >= 0.93


def test_bad_options_are_told_in_the_template():
    with pytest.raises(ConfigError) as caught:
        Digits(sensor=0)
    assert str(caught.value) == "data.options.sensor: got 0; expected a whole number of pixels from 4 to 256."
