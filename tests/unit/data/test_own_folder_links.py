"""Folders as they lie on disks: links, folders beside the splits, sensors in headers, large files."""

import os
import shutil
import zipfile

import numpy as np
import pytest

import event_files
from own_files import SENSOR, recording, write_folder
from spareto.core.errors import DataError
from spareto.data import mapped
from spareto.data.own import files, load_own
from spareto.records.data import FolderData

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")
KEYS = {"timesteps": 5, "sensor": list(SENSOR)}


def load(folder, **keys):
    return load_own(FolderData.parse({"folder": str(folder), **KEYS, **keys}, "data"))


def refusal(folder, **keys):
    with pytest.raises(DataError) as error:
        load(folder, **keys)
    return str(error.value).replace(f"{folder}/", "").replace(str(folder), "FOLDER")


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "recordings")


@pytest.mark.parametrize("what", ["file", "class", "split"])
def test_what_links_lead_to_is_read(tmp_path, folder, what):
    expected = load(folder)
    place = {"file": "train/cat/0.npz", "class": "train/cat", "split": "test"}[what]
    (folder / place).rename(tmp_path / "elsewhere")
    (folder / place).symlink_to(tmp_path / "elsewhere")
    found = load(folder)
    assert (found.hash, found.notes) == (expected.hash, expected.notes)


@pytest.mark.parametrize(
    ("place", "target", "told"),
    [
        (
            "train/cat/1.npz",
            "/nowhere/1.npz",
            "train/cat/1.npz: got a link to /nowhere/1.npz, which is not there",
        ),
        ("train/bird", "/nowhere", "train/bird: got a link to /nowhere, which is not there"),
        ("train/bird", "..", "train/bird: got a link back to FOLDER"),
        ("train/bird", "bird", "train/bird: got a link to bird, which is not there"),
        (
            "test/cat/1.npz",
            "../../train/cat/1.npz",
            "got train/cat/1.npz by a link; expected a file of its own",
        ),
    ],
)
def test_links_that_lead_nowhere_or_to_the_other_split_are_named(folder, place, target, told):
    (folder / place).unlink(missing_ok=True)
    (folder / place).symlink_to(target)
    assert told in refusal(folder)


def test_links_that_a_system_left_are_no_fault(folder):
    (folder / ".lock").symlink_to("pid-1")
    assert any("left by an operating system" in note for note in load(folder).notes)


@pytest.mark.parametrize("name", ["val", "Validation", "dev"])
@pytest.mark.parametrize("classes", [True, False])
def test_validation_folders_are_named_with_what_to_do(folder, name, classes):
    (folder / name).mkdir()
    if classes:
        shutil.copytree(folder / "train" / "cat", folder / name / "cat")
    else:
        shutil.copy(folder / "train" / "cat" / "0.npz", folder / name)
    told = refusal(folder)
    assert f"files beside the splits, the first one in {name}" in told
    assert "training.validation_share" in told


def test_validation_in_tables_is_named_with_what_to_do(tmp_path):
    for name in ("a", "b", "c"):
        np.savez(tmp_path / f"{name}.npz", **recording(0))
    lines = {"a": "train", "b": "test", "c": "val"}
    (tmp_path / "labels.csv").write_text(
        "file,label,split\n" + "".join(f"{n},0,{s}\n" for n, s in lines.items())
    )
    assert "line 4: got 'val'; expected train or test. Write train: training.validation" in refusal(tmp_path)
    (tmp_path / "labels.csv").unlink()
    for name, part in lines.items():
        (tmp_path / f"{part}.csv").write_text(f"file,label\n{name},0\n")
    assert "several tables: test.csv, train.csv, val.csv" in refusal(tmp_path)
    assert "training.validation_share" in refusal(tmp_path)


def test_files_beside_the_splits_are_named(folder):
    shutil.copytree(folder / "train" / "cat", folder / "cat")
    assert "FOLDER: got 3 files beside the splits, the first one in cat" in refusal(folder)


def cameras(folder, write=event_files.dat, suffix=".dat", **options):
    for split in ("train", "test"):
        for label in ("0", "1"):
            place = folder / split / label
            place.mkdir(parents=True)
            some = event_files.events(50, 8, 6, seed=len(str(place)))
            (place / f"one{suffix}").write_bytes(write(some, width=8, height=6, **options))
    return folder


@pytest.mark.parametrize(("form", "suffix"), [("dat", ".dat"), ("aedat4", ".aedat4"), ("evt2", ".raw")])
def test_the_size_in_a_header_is_the_sensor(tmp_path, form, suffix):
    folder = cameras(tmp_path / "cameras", getattr(event_files, form), suffix)
    assert load(folder, sensor=None).info.sensor == (2, 6, 8)
    assert load(folder).hash == load(folder, sensor=None).hash


def test_headers_that_differ_do_not_say_the_sensor(tmp_path):
    folder = cameras(tmp_path / "cameras")
    some = event_files.events(50, 8, 6)
    (folder / "test" / "1" / "one.dat").write_bytes(event_files.dat(some, width=9, height=6))
    assert "data.sensor: got nothing" in refusal(folder, sensor=None)


@pytest.mark.parametrize("sensor", [None, [2, 20, 20]])
def test_events_outside_the_size_of_their_header_are_refused(tmp_path, sensor):
    folder = cameras(tmp_path / "cameras")
    some = event_files.events(50, 12, 6)
    (folder / "test" / "1" / "one.dat").write_bytes(event_files.dat(some, width=8, height=6))
    told = refusal(folder, sensor=sensor)
    assert (
        "test/1/one.dat: got events up to x = 11, y = 5; expected the 8 x 6 pixels that its header says"
        in told
    )
    load(folder, sensor=sensor, outside="drop")


@pytest.fixture
def small_memory(monkeypatch):
    monkeypatch.setattr(mapped, "FRAMES_IN_MEMORY", 1 << 12)
    monkeypatch.setattr(files, "FRAMES_IN_MEMORY", 1 << 12)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("form", ["one archive", "two archives"])
def test_single_files_larger_than_memory_stay_in_files(tmp_path, small_memory, save, form):
    rng = np.random.default_rng(0)
    arrays = {
        f"x_{part}": (rng.random((40, 5, 2, 6, 8)) < 0.2).astype(np.uint8) for part in ("train", "test")
    }
    labels = {f"y_{part}": np.arange(40) % 2 for part in ("train", "test")}
    if form == "one archive":
        folder = tmp_path / "all.npz"
        save(folder, **arrays, **labels)
    else:
        folder = tmp_path
        for part in ("train", "test"):
            save(folder / f"{part}.npz", frames=arrays[f"x_{part}"], labels=labels[f"y_{part}"])
    found = load_own(FolderData.parse({"folder": str(folder), "layout": "batch-first"}, "data"))
    assert mapped.lies_in_file(found.train_frames)
    assert np.array_equal(found.test_frames, arrays["x_test"].swapaxes(0, 1))


def test_damage_in_a_mapped_member_is_found(tmp_path, small_memory):
    arrays = {name: np.ones((40, 5, 2, 6, 8), np.uint8) for name in ("x_train", "x_test")}
    path = tmp_path / "all.npz"
    np.savez(path, **arrays, y_train=np.arange(40) % 2, y_test=np.arange(40) % 2)
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("x_test.npy").header_offset
    content = bytearray(path.read_bytes())
    content[place + 5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        load_own(FolderData.parse({"folder": str(path), "layout": "batch-first"}, "data"))
