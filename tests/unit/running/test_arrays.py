"""Data of a program's own: arrays, tensors, data sets and loaders become both splits of a data set."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import spareto
from spareto.core.errors import ConfigError, DataError
from spareto.running.arrays import data_of, from_arrays

FRAMES = np.random.default_rng(0).random((5, 8, 3), np.float32)
LABELS = np.arange(8) % 4


def test_both_splits():
    data = from_arrays(FRAMES, LABELS, FRAMES[:, :2], LABELS[:2])
    assert np.array_equal(data.train_frames, FRAMES)
    assert np.array_equal(data.test_frames, FRAMES[:, :2])
    assert data.train_labels.tolist() == LABELS.tolist()
    assert (data.layout, data.timesteps) == ("time-first", 5)
    assert (data.info.classes, data.info.sensor) == (4, (3,))
    assert spareto.from_arrays is from_arrays


def test_without_a_test_split():
    data = from_arrays(FRAMES, LABELS, classes=6)
    assert data.test_frames.shape == (5, 0, 3)
    assert data.test_labels.shape == (0,)
    assert data.info.classes == 6


ITEMS = TensorDataset(torch.from_numpy(FRAMES.swapaxes(0, 1).copy()), torch.from_numpy(LABELS))


class Tonic:
    """A data set that is none of torch's: it has a length and items."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index >= 8:
            raise IndexError
        return FRAMES[:, index], int(LABELS[index])


class Floats(Tonic, Dataset):
    """Labels as torch's binary losses want them."""

    def __getitem__(self, index):
        frames, label = super().__getitem__(index)
        return frames, torch.tensor([float(label)])


@pytest.mark.parametrize(
    "given",
    [
        (FRAMES, LABELS),
        (torch.from_numpy(FRAMES), torch.from_numpy(LABELS)[:, None].float()),
        (FRAMES.tolist(), LABELS.tolist()),
        (np.asfortranarray(FRAMES), LABELS.astype(np.uint8)),
    ],
    ids=["arrays", "tensors", "lists", "other order"],
)
def test_every_kind_of_array_has_the_same_hash(given):
    expected = from_arrays(FRAMES, LABELS)
    data = data_of(given)
    assert np.array_equal(data.train_frames.astype(np.float32), FRAMES)
    if data.train_frames.dtype == np.float32:
        assert data.hash == expected.hash
    assert data_of(expected) is expected


@pytest.mark.parametrize(
    "given",
    [
        ITEMS,
        Tonic(),
        Floats(),
        Subset(ITEMS, range(8)),
        DataLoader(ITEMS, batch_size=3),
        DataLoader(ITEMS, batch_size=3, shuffle=True),
        DataLoader(ITEMS, batch_size=3, shuffle=True, drop_last=True),
        DataLoader(ITEMS, batch_size=3, sampler=SubsetRandomSampler(range(8))),
        DataLoader(Tonic(), batch_size=3),
    ],
    ids=["set", "tonic", "floats", "subset", "loader", "shuffled", "drop last", "sampler", "loader of tonic"],
)
def test_every_kind_of_data_set_is_read_in_its_own_order(given):
    data = from_arrays(given, layout="batch-first")
    assert data.train_labels.tolist() == LABELS.tolist()
    assert np.array_equal(data.train_frames, FRAMES)
    assert data.layout == "time-first"
    assert data.hash == from_arrays(FRAMES, LABELS).hash
    unknown = data_of(given)
    assert unknown.layout is None
    assert np.array_equal(unknown.train_frames, FRAMES.swapaxes(0, 1))


def test_a_loader_that_puts_time_first():
    def collate(items):
        return torch.stack([frames for frames, _ in items], 1), torch.stack([label for _, label in items])

    data = from_arrays(DataLoader(ITEMS, batch_size=3, collate_fn=collate))
    assert np.array_equal(data.train_frames, FRAMES)
    assert data.layout == "time-first"


def test_a_loader_that_draws_reads_the_same_every_time():
    loader = DataLoader(ITEMS, batch_size=4, sampler=WeightedRandomSampler([1.0] * 8, 8))
    numbers = torch.get_rng_state()
    assert data_of(loader).hash == data_of(loader).hash
    assert torch.equal(torch.get_rng_state(), numbers)


def test_the_hash_is_that_of_the_contents():
    first = from_arrays(FRAMES, LABELS)
    changed = FRAMES.copy()
    changed[0, 0, 0] += 1
    others = [
        from_arrays(changed, LABELS),
        from_arrays(FRAMES, LABELS[::-1]),
        from_arrays(FRAMES, LABELS, FRAMES, LABELS),
        from_arrays(FRAMES[0], LABELS),
        from_arrays(FRAMES[0], LABELS, layout="static"),
        from_arrays(FRAMES, LABELS, classes=7),
    ]
    hashes = [first.hash, *(other.hash for other in others)]
    assert len(set(hashes)) == len(hashes)
    assert from_arrays(FRAMES.copy(), LABELS.copy()).hash == first.hash


def test_types_that_numpy_does_not_have():
    data = from_arrays(torch.from_numpy(FRAMES).bfloat16(), torch.from_numpy(LABELS).bfloat16())
    assert data.train_frames.dtype == np.float32
    assert from_arrays(FRAMES > 0.5, LABELS).train_frames.dtype == np.uint8


@pytest.mark.parametrize(
    ("given", "stated", "error", "said"),
    [
        ((FRAMES,), {}, DataError, "y_train: got nothing; expected labels, one a sample."),
        ((FRAMES, LABELS[:4]), {}, DataError, "x_train: labels: got shape (4,); expected one a sample"),
        (
            (FRAMES, LABELS, FRAMES[:4], LABELS),
            {},
            DataError,
            "x_test: got samples of shape (4, 3); expected (5, 3)",
        ),
        (
            (FRAMES, LABELS, FRAMES, LABELS + 9),
            {"classes": 4},
            DataError,
            "y_test: got 9 to 12; expected values",
        ),
        ((np.zeros((8, 8, 3)), LABELS), {}, ConfigError, "x_train: got shape (8, 8, 3) for 8 labels"),
    ],
)
def test_what_does_not_fit(given, stated, error, said):
    with pytest.raises(error) as caught:
        from_arrays(*given, **stated)
    assert str(caught.value).startswith(said)


class Items(Dataset):
    """A data set of given items."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (
            [(FRAMES[:, 0], 0), (FRAMES[:3, 0], 1)],
            "data: got samples of shapes (3, 3) and (5, 3); expected samples",
        ),
        ([], "data: got no sample; expected at least one."),
        ([FRAMES[:, 0]], "data: got a ndarray a sample; expected two: frames and a label."),
        ([(FRAMES[:, 0], 0, 1)], "data: got 3 parts a sample; expected two: frames and a label."),
        ([(FRAMES[:, 0], "cat")], "data: labels: got a str; expected one number a sample."),
        ([(FRAMES[:, 0], np.eye(4)[0])], "data: labels: got a ndarray; expected one number a sample."),
        (
            [(np.zeros(9, [("t", int), ("x", int)]), 0)],
            "data: got events; expected frames. Give the data set a trans",
        ),
        ([(FRAMES[:, 0] * np.nan, 0)], "data: got nan or infinity; expected finite numbers."),
    ],
)
def test_items_that_are_no_samples(items, said):
    with pytest.raises(DataError) as error:
        data_of(Items(*items))
    assert str(error.value).replace("x_train", "data").startswith(said)


def test_what_is_no_data():
    with pytest.raises(DataError, match="got dict; expected frames of a data set"):
        data_of({"x": FRAMES})


def test_a_changed_copy_keeps_its_layout():
    data = from_arrays(FRAMES[0], LABELS)
    assert replace(data, name="mine").layout is None
    assert data.timesteps is None
