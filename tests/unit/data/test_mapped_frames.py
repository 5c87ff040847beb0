"""Sets larger than memory: their frames are mapped from the cache, and say the same as those in memory."""

import sys
from pathlib import Path

import numpy as np
import pytest

import recorded_sets as sets
from larger_than_memory import studied
from spareto.data import load, recorded
from spareto.data.load import load_frames
from spareto.data.mapped import is_mapped, some_of, write_frames
from spareto.study.splits import split_data

OPTIONS = {"timesteps": 4, "bins": "events", "binary": False}


@pytest.fixture
def root(tmp_path):
    return sets.write_gestures(tmp_path / "data")


def both(root, tmp_path, monkeypatch):
    inside = load_frames("dvs_gesture", root=root, cache=tmp_path / "a", **OPTIONS)
    monkeypatch.setattr(load, "IN_MEMORY", 0)
    monkeypatch.setattr(recorded, "PART_EVENTS", 200)
    monkeypatch.setattr(load, "PART_BYTES", 2 * 4 * 2 * 128 * 128)  # two recordings
    return inside, load_frames("dvs_gesture", root=root, cache=tmp_path / "b", **OPTIONS)


def test_mapped_frames_are_those_in_memory(root, tmp_path, monkeypatch):
    inside, mapped = both(root, tmp_path, monkeypatch)
    assert is_mapped(mapped.train_frames)
    assert not is_mapped(inside.train_frames)
    assert (mapped.hash, mapped.info) == (inside.hash, inside.info)
    for name in ("train_frames", "test_frames", "train_labels", "test_labels"):
        assert np.array_equal(getattr(mapped, name), getattr(inside, name))
    assert mapped.train_frames.shape == (4, 22, 2, 128, 128)


def test_they_are_written_once(root, tmp_path, monkeypatch):
    _, first = both(root, tmp_path, monkeypatch)
    monkeypatch.setattr(load, "write_frames", None)
    again = load_frames("dvs_gesture", root=root, cache=tmp_path / "b", **OPTIONS)
    assert again.hash == first.hash


@pytest.mark.parametrize("damage", ["cut", "gone", "manifest"])
def test_a_damaged_cache_is_made_anew(damage, root, tmp_path, monkeypatch):
    _, first = both(root, tmp_path, monkeypatch)
    frames = Path(first.train_frames.filename)
    if damage == "manifest":
        next((tmp_path / "b").glob("*.json")).write_text("{")
    elif damage == "cut":
        frames.write_bytes(frames.read_bytes()[:-1])
    else:
        frames.unlink()
    assert load_frames("dvs_gesture", root=root, cache=tmp_path / "b", **OPTIONS).hash == first.hash


def test_a_study_splits_them_without_reading_them_all(root, tmp_path, monkeypatch):
    inside, mapped = both(root, tmp_path, monkeypatch)
    study, sealed = split_data(mapped, 0.5)
    wanted, _ = split_data(inside, 0.5)
    assert is_mapped(study.train.train_frames)
    assert is_mapped(study.validation.frames)
    assert np.array_equal(study.train.train_frames, wanted.train.train_frames)
    assert np.array_equal(study.validation.frames, wanted.validation.frames)
    assert is_mapped(sealed.open().frames)
    before = sorted(path.name for path in (tmp_path / "b").iterdir())
    split_data(mapped, 0.5)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == before
    assert some_of(mapped.train_frames, np.empty(0, np.intp)).shape == (4, 0, 2, 128, 128)


def test_a_view_of_mapped_frames_is_not_taken_for_all_of_them(root, tmp_path, monkeypatch):
    _, mapped = both(root, tmp_path, monkeypatch)
    assert not is_mapped(mapped.train_frames[:, 3:])
    assert not is_mapped(mapped.train_frames[:, [1, 2]])


@pytest.mark.skipif(sys.platform != "linux", reason="room is taken by a call of Linux")
def test_a_file_has_its_room_before_it_is_written(tmp_path):
    def parts():
        (file,) = tmp_path.iterdir()
        assert 512 * file.stat().st_blocks >= 4 << 20
        yield np.ones((4, 1, 2, 512, 1024), np.uint8), np.zeros(1, np.int64)

    write_frames(tmp_path / "frames.npy", (4, 1, 2, 512, 1024), parts())
    assert np.load(tmp_path / "frames.npy").all()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_study_over_frames_larger_than_its_memory(tmp_path):
    """Frames of 260 MiB are made, split, trained on and measured within 160 MiB."""
    people = {
        "train": [f"user{n:02}_led" for n in range(1, 15)],
        "test": [f"user{n}_led" for n in range(24, 29)],
    }
    sets.write_gestures(tmp_path, people, events=80)
    held = studied(
        tmp_path, 160, tmp_path,
        sensor=(2, 128, 128), classes=11,
        imports="from spareto.data import load, recorded",
        small="load.IN_MEMORY = recorded.PART_EVENTS = 1 << 14; load.PART_BYTES = 1 << 24",
        data="load.load_frames('dvs_gesture', root=sys.argv[1], timesteps=40, bins='events')",
    )  # fmt: skip
    assert held > 250
