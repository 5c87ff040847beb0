import os

import numpy as np
import pytest

from spareto.core.errors import DataError, InputError, UnknownName
from spareto.data.datasets.digits import Digits
from spareto.data.load import load_frames, open_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def digits(folder):
    return load_frames("digits", timesteps=4, cache=folder, sensor=8)


def test_frames_and_labels_fit(digits):
    assert digits.train_frames.shape == (4, len(digits.train_labels), 2, 8, 8)
    assert digits.test_frames.shape == (4, len(digits.test_labels), 2, 8, 8)
    assert digits.info.sensor == (2, 8, 8)
    assert digits.name == "digits"


def test_the_second_time_comes_from_the_cache(folder, digits, monkeypatch):
    monkeypatch.setattr(Digits, "split", lambda *_: pytest.fail("read again"))
    again = load_frames("digits", timesteps=4, cache=folder, sensor=8)
    assert again.hash == digits.hash
    assert np.array_equal(again.train_frames, digits.train_frames)


def test_a_damaged_cache_is_made_anew(folder, digits):
    (path,) = folder.glob("digits-4-*.npz")
    path.write_bytes(path.read_bytes()[:1000])
    assert load_frames("digits", timesteps=4, cache=folder, sensor=8).hash == digits.hash
    assert path.stat().st_size > 1000


def test_other_timesteps_and_options_are_other_data(tmp_path, digits):
    hashes = {
        load_frames("digits", timesteps=t, cache=tmp_path, sensor=8, seed=s).hash for t, s in [(3, 0), (4, 1)]
    }
    assert len(hashes | {digits.hash}) == 3


def test_counts_are_not_mistaken_for_bits(tmp_path, digits):
    counts = load_frames("digits", timesteps=4, binary=False, cache=tmp_path, sensor=8)
    assert counts.train_frames.max() > 1
    assert np.array_equal(counts.train_frames > 0, digits.train_frames)


def test_the_cache_folder_comes_from_the_environment(tmp_path, monkeypatch, digits):
    monkeypatch.setenv("SPARETO_CACHE", str(tmp_path / "here"))
    load_frames("digits", timesteps=4, sensor=8)
    assert len(list((tmp_path / "here").glob("digits-4-*.npz"))) == 1


def test_an_unwritable_cache_is_only_a_warning(tmp_path, digits):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.warns(UserWarning, match="could not be cached"):
        assert load_frames("digits", timesteps=4, cache=blocked, sensor=8).hash == digits.hash


def test_a_changed_source_is_read_again(tmp_path, monkeypatch, digits):
    source = tmp_path / "source"
    source.write_text("one")
    monkeypatch.setattr(Digits, "sources", lambda self: (source,))
    load_frames("digits", timesteps=4, cache=tmp_path, sensor=8)
    os.utime(source, (1, 1))
    load_frames("digits", timesteps=4, cache=tmp_path, sensor=8)
    assert len(list(tmp_path.glob("digits-4-*.npz"))) == 2


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(UnknownName) as caught:
        load_frames("nmist_small", timesteps=4)
    assert str(caught.value).endswith("Did you mean 'nmnist_small'?")


def test_unknown_options_are_named_with_the_known_ones():
    with pytest.raises(InputError) as caught:
        open_dataset("nmnist_small", rot="x", seed=1)
    assert str(caught.value) == (
        "data.options.rot: got an unknown option; expected one of root. Did you mean 'root'?\n"
        "data.options.seed: got an unknown option; expected one of root."
    )


def test_a_root_that_is_no_path_is_refused():
    with pytest.raises(InputError) as caught:
        open_dataset("nmnist_small", root=3)
    assert str(caught.value) == "data.options.root: got 3; expected the path of a folder."


def test_missing_data_is_an_error_with_a_cure(tmp_path):
    with pytest.raises(DataError, match="set SPARETO_DATA"):
        load_frames("nmnist_small", timesteps=4, cache=tmp_path, root=str(tmp_path))
