"""Folders larger than memory: recordings stay in their files, and frames say the same as those in memory."""

import json
from pathlib import Path

import numpy as np
import pytest

from own_files import SENSOR, write_folder
from spareto.core.errors import DataError
from spareto.data.mapped import is_mapped
from spareto.data.own import binning, filed, folder, load_own
from spareto.records.data import FolderData

KEYS = {"timesteps": 5, "sensor": list(SENSOR), "duration_us": 200_000, "outside": "drop"}


def load(root, **keys):
    return load_own(FolderData.parse({"folder": str(root), **KEYS, **keys}, "data"))


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path / "recordings")


@pytest.fixture
def large(tmp_path, monkeypatch):
    """From here on every folder and every split is too large; the paths that are read."""
    read = []

    def reading(path):
        read.append(path)
        return folder.read_sample(path)

    monkeypatch.setenv("SPARETO_CACHE", str(tmp_path / "cache"))

    def go():
        monkeypatch.setattr(folder, "IN_FILES", 0)
        monkeypatch.setattr(binning, "FRAMES_IN_MEMORY", 0)
        monkeypatch.setattr(binning, "PART_EVENTS", 100)
        monkeypatch.setattr(folder, "_events_in", reading)
        return read

    return go


@pytest.mark.parametrize("keys", [{}, {"sensor": [2, 4, 7]}, {"bins": "events", "binary": False}])
def test_frames_are_those_in_memory(root, large, keys):
    inside = load(root, **keys)
    read = large()
    mapped = load(root, **keys)
    assert is_mapped(mapped.train_frames)
    assert not is_mapped(inside.train_frames)
    assert (mapped.hash, mapped.info, mapped.notes) == (inside.hash, inside.info, inside.notes)
    for name in ("train_frames", "test_frames", "train_labels", "test_labels"):
        assert np.array_equal(getattr(mapped, name), getattr(inside, name))
    assert sorted(read) == sorted(root.rglob("*.npz"))  # each once more, to be binned
    again = load(root, **keys)
    assert len(read) == len(set(read))  # the frames are there
    assert (again.hash, again.notes) == (inside.hash, inside.notes)


def test_one_split_is_cut_alike(tmp_path, large):
    root = write_folder(tmp_path / "recordings")
    for path in sorted((root / "test").rglob("*.npz")):
        path.rename(root / "train" / path.parent.name / f"more-{path.name}")
    inside = load(root / "train", test_share=0.5)
    large()
    assert load(root / "train", test_share=0.5).hash == inside.hash


@pytest.mark.parametrize("damage", ["cut", "gone", "notes", "hostile"])
def test_a_damaged_cache_is_made_anew(root, large, damage):
    large()
    first = load(root)
    frames = Path(first.train_frames.filename)
    beside = frames.with_suffix(".json")
    if damage == "cut":
        frames.write_bytes(frames.read_bytes()[:-1])
    elif damage == "gone":
        frames.unlink()
    else:
        beside.write_text("[" if damage == "notes" else json.dumps({"size": "x", "notes": 3}))
    again = load(root)
    assert (again.hash, again.notes) == (first.hash, first.notes)


def test_other_recordings_or_another_plan_are_other_frames(root, large):
    inside = {share: load(root, duration_us=share).hash for share in (150_000, 200_000)}
    large()
    assert {share: load(root, duration_us=share).hash for share in (150_000, 200_000)} == inside
    path = next(root.rglob("*.npz"))
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "x": arrays["x"][::-1]})
    assert load(root).hash != inside[200_000]


def test_a_file_that_changes_under_way_is_refused(root, large, monkeypatch):
    large()
    stamps = iter(range(1000))
    monkeypatch.setattr(filed, "stamp_of", lambda path: (str(path), next(stamps), 0))
    with pytest.raises(DataError, match="a file that has changed"):
        load(root)


def test_all_faults_are_told_at_once(root, large):
    large()
    with pytest.raises(DataError) as error:
        load(root, sensor=[2, 1, 1], duration_us=1)
    assert "3 more like it" in str(error.value)
