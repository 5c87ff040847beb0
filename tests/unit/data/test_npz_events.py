"""The archives of N-MNIST subsets, on small ones written here: reading, splitting, every way to be broken."""

import numpy as np
import pytest

from spareto.core.errors import DataError
from spareto.data.datasets.nmnist_small import NMnistSmall
from spareto.data.datasets.nmnist_xyt import NMnistXyt

COUNT, EVENTS = 10, 30


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    total = COUNT * EVENTS
    return {
        "x": random.integers(0, 34, total).astype(np.uint8),
        "y": random.integers(0, 34, total).astype(np.uint8),
        "p": random.integers(0, 2, total).astype(np.uint8),
        "dt_us": random.integers(0, 10_000, total).astype(np.uint32),
        "offsets": np.arange(0, total + 1, EVENTS, dtype=np.int64),
        "label": np.arange(COUNT, dtype=np.uint8),
        "sample_id": np.array([1, 2, 3, 4, 5, 6, 7, 60_001, 60_002, 60_100], np.int32),
    }


def refused(tmp_path, arrays):
    np.savez(tmp_path / "nmnist_small.npz", **arrays)
    with pytest.raises(DataError) as caught:
        NMnistSmall(root=tmp_path).split("train")
    for problem in caught.value.problems:
        assert problem.where.startswith(f"{tmp_path}/nmnist_small.npz")
        assert "SPARETO_DATA" in problem.cure
    return [f"{problem.where.split(': ')[1]}: {problem.got}" for problem in caught.value.problems]


def test_small_splits_by_sample_id_and_adds_up_times(tmp_path, arrays):
    np.savez_compressed(tmp_path / "nmnist_small.npz", **arrays)
    dataset = NMnistSmall(root=tmp_path)
    train, test = dataset.split("train"), dataset.split("test")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    assert np.array_equal(test.t_us[:EVENTS], np.cumsum(arrays["dt_us"][7 * EVENTS : 8 * EVENTS]))
    assert np.array_equal(test.x, arrays["x"][7 * EVENTS :])
    assert np.array_equal(train.polarity, arrays["p"][: 7 * EVENTS])


def test_xyt_holds_out_every_fifth_and_has_one_polarity(tmp_path, arrays):
    np.savez(tmp_path / "nmnist_xyt.npz", **arrays)
    dataset = NMnistXyt(root=tmp_path)
    assert dataset.split("test").labels.tolist() == [4, 9]
    assert dataset.split("train").labels.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert set(dataset.split("train").polarity.tolist()) == {0}
    assert dataset.info.sensor == (1, 34, 34)
    assert "filtered, polarity-blind" in dataset.info.source


def test_a_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(DataError) as caught:
        NMnistSmall(root=tmp_path).split("train")
    assert str(caught.value) == (
        f"{tmp_path}/nmnist_small.npz: got no such file or folder; "
        "expected a NumPy archive of event recordings. "
        "Get it from https://www.garrickorchard.com/datasets/n-mnist (data set 'nmnist' reads the whole "
        "of it), and set SPARETO_DATA (or the data option 'root') to the folder of nmnist_small.npz."
    )


@pytest.mark.parametrize("keep", [0, 100, 2_000, -1])
def test_a_truncated_file_is_refused(tmp_path, arrays, keep):
    path = tmp_path / "nmnist_small.npz"
    np.savez_compressed(path, **arrays)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="a truncated or damaged file"):
        NMnistSmall(root=tmp_path).split("train")


def test_damage_inside_the_archive_is_refused(tmp_path, arrays):
    path = tmp_path / "nmnist_small.npz"
    np.savez_compressed(path, **arrays)
    content = bytearray(path.read_bytes())
    content[150:170] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(DataError, match="a truncated or damaged file"):
        NMnistSmall(root=tmp_path).split("train")


def test_something_else_than_an_archive_is_refused(tmp_path):
    (tmp_path / "nmnist_small.npz").write_text("<html>404</html>")
    with pytest.raises(DataError, match="a truncated or damaged file"):
        NMnistSmall(root=tmp_path).split("train")
    with (tmp_path / "nmnist_small.npz").open("wb") as stream:
        np.save(stream, np.arange(3))
    with pytest.raises(DataError, match="a single array"):
        NMnistSmall(root=tmp_path).split("train")


def test_all_missing_and_mistyped_arrays_are_named_at_once(tmp_path, arrays):
    del arrays["p"], arrays["label"]
    arrays["x"] = arrays["x"].astype(np.float32)
    assert refused(tmp_path, arrays) == ["p: nothing", "label: nothing", "x: 1 axes of float32"]


def test_lengths_that_differ_are_refused(tmp_path, arrays):
    arrays["y"] = arrays["y"][:-1]
    arrays["offsets"] = arrays["offsets"][:-1]
    assert refused(tmp_path, arrays) == ["y: 299 values", "offsets: 10 values"]


def test_offsets_that_run_back_are_refused(tmp_path, arrays):
    arrays["offsets"][3] = 5
    assert refused(tmp_path, arrays) == ["offsets: 0 to 300"]


def test_values_out_of_range_are_refused(tmp_path, arrays):
    arrays["x"][7] = 34
    arrays["label"][1] = 10
    found = refused(tmp_path, arrays)
    assert [line.split(":")[0] for line in found] == ["x", "label"]
    assert found[0].endswith("to 34")


def test_a_sample_given_twice_is_refused(tmp_path, arrays):
    arrays["sample_id"][8] = 60_001
    assert refused(tmp_path, arrays) == ["sample_id: 9 different values"]
