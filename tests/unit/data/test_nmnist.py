"""The official layout, on small files written in the real format."""

import numpy as np
import pytest

from spareto.core.errors import DataError
from spareto.data.datasets.nmnist import NMnist, decode
from spareto.testing import datasets as laws


def encode(x, y, polarity, t_us):
    """Five bytes an event, as the data set's readme describes them."""
    return b"".join(
        bytes([a, b]) + (p << 23 | t).to_bytes(3, "big")
        for a, b, p, t in zip(x, y, polarity, t_us, strict=True)
    )


def write_tree(root, recordings=2, events=200):
    random = np.random.default_rng(0)
    for split in ("Train", "Test"):
        for digit in range(10):
            folder = root / split / str(digit)
            folder.mkdir(parents=True)
            for number in range(recordings):
                x, y = random.integers(0, 34, (2, events)).tolist()
                polarity = random.integers(0, 2, events).tolist()
                t_us = np.sort(random.integers(0, 310_000, events)).tolist()
                (folder / f"{number + 1:05}.bin").write_bytes(encode(x, y, polarity, t_us))
    return root


def as_bytes(*events):
    return np.frombuffer(encode(*zip(*events, strict=True)), np.uint8)


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path)


def test_events_decode_to_what_was_encoded():
    x, y, polarity, t_us = decode(as_bytes((1, 2, 0, 7), (33, 0, 1, 0x012345), (0, 33, 1, 0x7FFFFF)))
    assert (x.tolist(), y.tolist(), polarity.tolist()) == ([1, 33, 0], [2, 0, 33], [0, 1, 1])
    assert t_us.tolist() == [7, 0x012345, 0x7FFFFF]


def test_a_mark_in_row_240_adds_to_later_times_and_is_no_event():
    x, _, _, t_us = decode(
        as_bytes((1, 2, 0, 8_000), (0, 240, 0, 0), (3, 4, 1, 5), (0, 240, 0, 0), (5, 4, 1, 6))
    )
    assert x.tolist() == [1, 3, 5]
    assert t_us.tolist() == [8_000, 8_192 + 5, 2 * 8_192 + 6]


def test_the_official_layout_keeps_the_laws_of_a_data_set(root):
    splits = laws.read_splits(NMnist(root=root))
    laws.check_recordings(splits, NMnist.info)
    laws.check_disjoint(splits)
    laws.check_repeatable(splits, laws.read_splits(NMnist(root=root)))
    laws.check_frames(splits, NMnist.info)
    assert splits["train"].labels.tolist() == sorted([*range(10)] * 2)
    assert len(NMnist(root=root).sources()) == 40


def test_the_folder_may_lie_in_the_data_folder(tmp_path, monkeypatch):
    write_tree(tmp_path / "N-MNIST", recordings=1)
    monkeypatch.setenv("SPARETO_DATA", str(tmp_path))
    assert len(NMnist().split("test")) == 10


def test_a_missing_folder_says_where_to_get_it(tmp_path):
    with pytest.raises(DataError) as caught:
        NMnist(root=tmp_path).split("train")
    assert str(caught.value) == (
        f"{tmp_path}/N-MNIST/Train: got no such file or folder; "
        "expected a folder of ten folders 0 to 9 with .bin files. "
        "Get it from https://www.garrickorchard.com/datasets/n-mnist and unpack Train and Test in a folder "
        "N-MNIST, and set SPARETO_DATA (or the data option 'root') to the folder of N-MNIST."
    )


def test_every_broken_file_is_named(root):
    (root / "Test/3/00001.bin").write_bytes(bytes(12))
    (root / "Test/7/00002.bin").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        NMnist(root=root).split("test")
    first, second = str(caught.value).splitlines()
    assert first.startswith(
        f"{root}/Test/3/00001.bin: got 12 bytes; expected a whole number of 5-byte events"
    )
    assert second.startswith(f"{root}/Test/7/00002.bin: got 0 bytes;")


def test_events_outside_the_sensor_are_refused(root):
    (root / "Test/3/00001.bin").write_bytes(encode([40], [2], [1], [5]))
    with pytest.raises(DataError, match=r"Test: x: got 0 to 40; expected values from 0 to 33\."):
        NMnist(root=root).split("test")


def test_an_empty_digit_is_refused(root):
    for path in (root / "Train/4").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"Train/4: got no \.bin files; expected at least one recording"):
        NMnist(root=root).split("train")
