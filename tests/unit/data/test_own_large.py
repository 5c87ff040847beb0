"""A user's frames that are too many for memory: they lie in files, and say the same as those in memory."""

import sys

import numpy as np
import pytest

from larger_than_memory import studied
from spareto.core.errors import DataError, StoreError
from spareto.data import cache, mapped
from spareto.data.mapped import lies_in_file, room_for
from spareto.data.own import folder
from spareto.data.own.archive import arrays_of
from spareto.data.own.load import load_own
from spareto.records.data import FolderData, ImportedData
from spareto.study.splits import split_data

CODE = """
import numpy as np
RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 9, (12, 5, 2, 4, 4))
LABELS = np.arange(12) % 3
class Items:
    def __init__(self, samples): self.samples = samples
    def __len__(self): return len(self.samples)
    def __getitem__(self, index): return self.samples[index], LABELS[index]
def of_bytes(): return Items(BYTES)
def of_floats(): return Items(BYTES / 4)
def of_both(): return Items([*BYTES[:7], *(BYTES[7:] / 4)])
def both_splits(split): return Items(BYTES if split == "train" else BYTES[:6])
def pictures(): return Items(BYTES[:, 0])
def mapped(name, kind):
    made = np.lib.format.open_memmap(name, "w+", kind, (5, 12, 2, 4, 4))
    made[...] = np.moveaxis(BYTES, 1, 0)
    return np.load(name, mmap_mode="r"), LABELS
def archived(name, packed):
    kept = {"frames": np.asfortranarray(BYTES), "labels": LABELS}
    (np.savez_compressed if packed else np.savez)(name, **kept)
    return np.load(name)
def halves(name):
    made = np.lib.format.open_memmap(name, "w+", "f4", (12, 5, 2, 4, 4))
    made[...] = BYTES / 2
    return np.load(name, mmap_mode="r"), LABELS
"""
CASES = {
    "bytes": ("of_bytes", {}, {}),
    "floats": ("of_floats", {}, {}),
    "bytes, then floats": ("of_both", {}, {}),
    "two splits": ("both_splits", {}, {"test_share": None}),
    "pictures": ("pictures", {}, {"layout": "static"}),
    "pictures over time": ("pictures", {}, {"layout": "static", "timesteps": 4}),
    "time unknown": ("pictures", {}, {}),
    "mapped bytes": ("mapped", {"kind": "u1"}, {}),
    "mapped numbers": ("mapped", {"kind": "i4"}, {}),
    "mapped whole floats": ("mapped", {"kind": "f8"}, {}),
    "mapped floats": ("halves", {}, {}),
    "an archive": ("archived", {"packed": False}, {}),
    "a packed archive": ("archived", {"packed": True}, {}),
}


def in_files(monkeypatch, tmp_path):
    """Nothing is small enough for memory, and is copied a sample at a time."""
    monkeypatch.setattr(mapped, "FRAMES_IN_MEMORY", 0)
    monkeypatch.setattr(folder, "IN_FILES", 0)
    monkeypatch.setattr(mapped, "STEP_BYTES", 700)
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path))


def refuse_unlike(inside, filed):
    assert (filed.hash, filed.layout, filed.info) == (inside.hash, inside.layout, inside.info)
    for name in ("train_frames", "test_frames", "train_labels", "test_labels"):
        assert np.array_equal(getattr(filed, name), getattr(inside, name))
        assert getattr(filed, name).dtype == getattr(inside, name).dtype
    assert lies_in_file(filed.train_frames)
    assert not lies_in_file(inside.train_frames)


def refuse_unlike_splits(inside, filed):
    study, sealed = split_data(filed, 0.3)
    wanted, wanted_test = split_data(inside, 0.3)
    assert lies_in_file(study.train.train_frames)
    assert np.array_equal(study.train.train_frames, wanted.train.train_frames)
    assert np.array_equal(study.validation.frames, wanted.validation.frames)
    assert np.array_equal(sealed.open().frames, wanted_test.open().frames)


@pytest.mark.parametrize("case", CASES)
def test_frames_in_files_are_those_in_memory(case, tmp_path, monkeypatch):
    function, options, said = CASES[case]
    (tmp_path / "mine.py").write_text(CODE)
    if function in ("mapped", "halves", "archived"):
        suffix = "npz" if function == "archived" else "npy"
        options = {**options, "name": str(tmp_path / f"mapped.{suffix}")}
    keys = {"import": f"{tmp_path}/mine.py:{function}", "options": options, "test_share": 0.25, **said}
    plan = ImportedData.parse({key: value for key, value in keys.items() if value is not None}, "data")
    inside = load_own(plan)
    split_inside = split_data(inside, 0.3)[0].train.train_frames
    in_files(monkeypatch, tmp_path / "cache")
    before = sorted(path.name for path in tmp_path.iterdir())
    filed = load_own(plan)
    if lies_in_file(inside.train_frames):  # the user's own file, in both
        assert np.array_equal(inside.train_frames, filed.train_frames)
        assert np.array_equal(split_data(filed, 0.3)[0].train.train_frames, split_inside)
    else:
        refuse_unlike(inside, filed)
        refuse_unlike_splits(inside, filed)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == before
    assert not list((tmp_path / "cache").iterdir())


def write_folder(root, samples, timesteps=5, side=4):
    rng = np.random.default_rng(0)
    for part, count in samples.items():
        for number in range(count):
            place = root / part / f"class{number % 2}"
            place.mkdir(parents=True, exist_ok=True)
            np.save(place / f"{number:04}.npy", rng.integers(0, 3, (timesteps, 2, side, side), np.uint8))
    return root


def test_a_folder_of_frames(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "data", {"train": 12, "test": 6})
    inside = load_own(FolderData(folder=str(root)))
    in_files(monkeypatch, tmp_path / "cache")
    filed = load_own(FolderData(folder=str(root)))
    refuse_unlike(inside, filed)
    refuse_unlike_splits(inside, filed)


def test_a_sample_of_another_shape_is_named(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "data", {"train": 4, "test": 4})
    odd = root / "train" / "class1" / "0003.npy"
    np.save(odd, np.zeros((5, 2, 4, 5), np.uint8))
    in_files(monkeypatch, tmp_path / "cache")
    with pytest.raises(DataError, match=r"0003\.npy: got shape \(5, 2, 4, 5\)"):
        load_own(FolderData(folder=str(root)))


def test_a_large_array_needs_its_room_on_the_disk_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path))
    monkeypatch.setattr(mapped, "FRAMES_IN_MEMORY", 0)
    made = room_for((3, 2), np.float32)
    assert lies_in_file(made)
    assert not made.any()
    with pytest.raises(StoreError, match=str(tmp_path)):
        room_for((1 << 60,), np.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_study_over_own_frames_larger_than_its_memory(tmp_path):
    """Frames of 250 MiB are read, turned, split, trained on and measured within 160 MiB."""
    root = write_folder(tmp_path / "data", {"train": 200, "test": 125}, timesteps=100, side=64)
    held = studied(
        root, 160, tmp_path / "cache",
        sensor=(2, 64, 64), classes=2,
        imports="from spareto.data import mapped\nfrom spareto.data.own import folder\n"
        "from spareto.data.own.load import load_own\nfrom spareto.records.data import FolderData",
        small="mapped.FRAMES_IN_MEMORY = folder.IN_FILES = 1 << 20",
        data="load_own(FolderData(folder=sys.argv[1]))",
    )  # fmt: skip
    assert held >= 250


@pytest.mark.parametrize("packed", [True, False])
def test_a_large_array_of_an_archive_lies_in_a_file(packed, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    kept = {
        "x": rng.random((3, 4, 5)),
        "y": np.asfortranarray(rng.integers(0, 9, (7, 2), np.uint8)),
        "n": np.array(4),
    }
    (np.savez_compressed if packed else np.savez)(tmp_path / "a.npz", **kept)
    in_files(monkeypatch, tmp_path)
    found = arrays_of(np.load(tmp_path / "a.npz"), "mine")
    for name, array in kept.items():
        assert np.array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert lies_in_file(found[name])


def test_an_archive_that_cannot_be_read_says_so(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(1000))
    whole = np.load(path)
    whole.close()
    with pytest.raises(DataError, match="mine: got an archive that is closed"):
        arrays_of(whole, "mine")
    np.savez(path, x=np.array([{}]))
    with pytest.raises(DataError, match="Python objects"):
        arrays_of(np.load(path, allow_pickle=True), "mine")
    np.savez_compressed(path, x=np.arange(100_000))
    content = bytearray(path.read_bytes())
    content[200:240] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(DataError, match="mine: got an archive that cannot be read"):
        arrays_of(np.load(path), "mine")
