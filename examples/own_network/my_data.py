"""scikit-learn's 8×8 digits, rate coded: a pixel spikes with a probability that is its grey value."""

import numpy as np
from sklearn.datasets import load_digits


def load(timesteps=8, seed=0):
    """What the study calls, with its `data.options`: four arrays, frames `(time, samples, 64)` and labels."""
    pixels, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    frames = (rng.random((timesteps, *pixels.shape)) < pixels / 16).astype(np.uint8)
    test = np.arange(len(labels)) % 5 == 4
    return frames[:, ~test], labels[~test], frames[:, test], labels[test]
