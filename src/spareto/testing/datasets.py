"""What every data set must keep, as functions: call them from the tests of your own data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from unittest.mock import patch

import numpy as np

from spareto.core.errors import DataError
from spareto.data import Dataset, DatasetInfo, Images, Recordings, SplitName
from spareto.data.checks import problems_of
from spareto.data.frames import frames_of, held

Splits = Mapping[SplitName, Recordings | Images]


def read_splits(dataset: Dataset) -> Splits:
    """Both splits, as the laws below take them."""
    return {"train": dataset.split("train"), "test": dataset.split("test")}


def check_recordings(splits: Splits, info: DatasetInfo) -> None:
    """Coordinates, times and labels fit `info`; no split is empty; every class can be learnt."""
    for name, recordings in splits.items():
        assert len(recordings) > 0, f"split '{name}' is empty"
        if isinstance(recordings, Images):
            _check_images(recordings, info, name)
        else:
            assert not problems_of(recordings, info, name), problems_of(recordings, info, name)
    learnt = set(splits["train"].labels.tolist())
    assert set(splits["test"].labels.tolist()) <= learnt, "a class of the test split is not in training"


def check_disjoint(splits: Splits) -> None:
    """No recording of the test split, event by event, is also in the training split."""
    shared = _digests(splits["train"]) & _digests(splits["test"])
    assert not shared, f"{len(shared)} recordings are in both splits"


def check_repeatable(first: Splits, second: Splits) -> None:
    """Reading again gives the same recordings, to the bit."""
    for name in first:
        for field, values in vars(first[name]).items():
            again = getattr(second[name], field)
            if isinstance(values, np.ndarray):
                assert np.array_equal(values, again), (
                    f"{field} of split '{name}' differs between two readings"
                )


def check_frames(splits: Splits, info: DatasetInfo, timesteps: int = 5) -> None:
    """Frames are time first, fit `info`, and are not all silent at any timestep."""
    for name, recordings in splits.items():
        some = recordings.take(np.arange(min(len(recordings), 50)))
        made = held(frames_of(some, name, info, timesteps), timesteps)
        assert made.shape == (timesteps, len(some), *info.sensor), f"split '{name}': {made.shape}"
        assert made.dtype == np.uint8, f"split '{name}': frames of {made.dtype}"
        if isinstance(some, Recordings):
            assert made.max() == 1, f"split '{name}': binary frames with values up to {made.max()}"
        assert made.any(axis=(1, 2, 3, 4)).all(), f"split '{name}': a timestep without any event"
        again = held(frames_of(some, name, info, timesteps), timesteps)
        assert np.array_equal(made, again), f"split '{name}': other frames the second time"


def check_offline(make: Callable[[], Dataset]) -> None:
    """Without network, a split can be read, or the error says what is missing and how to get it."""
    with patch("socket.socket", side_effect=AssertionError("a data set went to the network")):
        try:
            recordings = make().split("test")
        except DataError as error:
            for problem in error.problems:
                assert problem.where, f"no place in: {problem}"
                assert problem.cure, f"no cure in: {problem}"
        else:
            assert len(recordings) > 0, "an empty split instead of an error"


def _check_images(images: Images, info: DatasetInfo, name: str) -> None:
    assert images.pixels.shape == (len(images), *info.sensor), f"split '{name}': {images.pixels.shape}"
    assert images.pixels.dtype == np.uint8, f"split '{name}': pixels of {images.pixels.dtype}"
    assert 0 <= images.labels.min() <= images.labels.max() < info.classes, f"split '{name}': a wrong label"


def _digests(recordings: Recordings | Images) -> set[bytes]:
    if isinstance(recordings, Images):
        return {hashlib.sha256(image.tobytes()).digest() for image in recordings.pixels}
    fields = [
        np.asarray(values, np.int64)
        for values in (recordings.x, recordings.y, recordings.polarity, recordings.t_us)
    ]
    events = np.stack(fields, axis=1)
    bounds = zip(recordings.offsets[:-1], recordings.offsets[1:], strict=True)
    return {hashlib.sha256(events[start:stop].tobytes()).digest() for start, stop in bounds}
