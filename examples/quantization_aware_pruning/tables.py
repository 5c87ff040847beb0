"""Tables of sixteen features: pen strokes and printed letters (UCI), and jets of the LHC, if you have them."""

from pathlib import Path

import numpy as np

from spareto.data.folder import data_folder, require
from spareto.data.jets import read_jets

UCI = "Get it from https://archive.ics.uci.edu and set SPARETO_DATA to the folder that holds 'uci'."


def pendigits(root=None):
    """Ten digits written with a pen: 7,494 to train on, 3,498 by other writers to test on."""
    train, test = (_read(root, name, label=-1) for name in ("pendigits.tra", "pendigits.tes"))
    return _standardised(*train, *test)


def letters(root=None):
    """26 printed letters: the first 16,000 to train on, the last 4,000 to test on."""
    features, labels = _read(root, "letter-recognition.data", label=0)
    return _standardised(features[:16_000], labels[:16_000], features[16_000:], labels[16_000:])


def jets(root, test_share=0.25, seed=0):
    """Five kinds of jets from HDF5 files in `root`; a share of them, drawn at random, to test on."""
    features, labels = read_jets(root)
    test = np.random.default_rng(seed).random(len(labels)) < test_share
    return _standardised(features[~test], labels[~test], features[test], labels[test])


def _read(root, name, label):
    path = require(data_folder(root) / "uci" / name, "a UCI data file", UCI)
    rows = [line.split(",") for line in Path(path).read_text().splitlines() if line.strip()]
    classes = sorted({row[label].strip() for row in rows})
    labels = np.array([classes.index(row[label].strip()) for row in rows])
    features = np.array([row[1:] if label == 0 else row[:-1] for row in rows], np.float32)
    return features, labels


def _standardised(x_train, y_train, x_test, y_test):
    """Mean 0 and standard deviation 1, both those of the training split."""
    mean, spread = x_train.mean(0), x_train.std(0)
    spread[spread == 0] = 1
    return (x_train - mean) / spread, y_train, (x_test - mean) / spread, y_test
