import numpy as np
import pytest

from spareto.data.cache import content_hash, read_cache, write_cache


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    return {
        "bits": random.integers(0, 2, (3, 5, 7), dtype=np.uint8),
        "counts": random.integers(0, 9, (4, 4), dtype=np.uint8),
        "labels": np.arange(5, dtype=np.int64),
    }


def test_what_is_written_comes_back(tmp_path, arrays):
    write_cache(tmp_path / "a.npz", arrays)
    back = read_cache(tmp_path / "a.npz")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert np.array_equal(back[name], array)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_missing_file_is_none(tmp_path):
    assert read_cache(tmp_path / "nothing.npz") is None


def test_no_damaged_byte_is_ever_trusted(tmp_path, arrays):
    path = tmp_path / "a.npz"
    write_cache(path, arrays)
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        back = read_cache(path)
        assert back is None or content_hash(back) == content_hash(arrays)


def test_a_truncated_file_is_none(tmp_path, arrays):
    path = tmp_path / "a.npz"
    write_cache(path, arrays)
    whole = path.read_bytes()
    for length in range(0, len(whole), 101):
        path.write_bytes(whole[:length])
        assert read_cache(path) is None


def test_the_hash_sees_values_shapes_types_and_names(arrays):
    labels = arrays["labels"]
    variants = [
        arrays,
        {**arrays, "labels": labels + 1},
        {**arrays, "labels": labels.astype(np.int32)},
        {**arrays, "labels": labels[:, None]},
        {"other" if name == "labels" else name: array for name, array in arrays.items()},
    ]
    assert len({content_hash(variant) for variant in variants}) == len(variants)


def test_the_hash_does_not_see_memory_layout(arrays):
    turned = {**arrays, "bits": np.asfortranarray(arrays["bits"])}
    assert content_hash(turned) == content_hash(arrays)
