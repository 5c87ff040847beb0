"""`spareto data`: on data that come with scikit-learn, and on small copies of recorded sets."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image, ImageSequence

import recorded_sets as sets
from spareto.cli.data import check, info, list_, preview
from spareto.core.errors import ConfigError, DataError, InputError
from spareto.data import registry
from spareto.data.about import about, checks


def pictures(path):
    """Every frame of a picture or animation, as red, green and blue."""
    with Image.open(path) as film:
        return [np.asarray(each.convert("RGB"), int) for each in ImageSequence.Iterator(film)]


@pytest.fixture
def root(tmp_path):
    return str(sets.write_gestures(tmp_path / "data"))


def test_the_list_names_every_set_and_says_which_are_here(root, capsys, monkeypatch):
    monkeypatch.setenv("SPARETO_DATA", root)
    monkeypatch.setenv("COLUMNS", "80")
    list_(json=True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(registry.names())
    assert {name for name, row in rows.items() if row["here"]} == {"dvs_gesture", "digits", "digit_images"}
    list_()
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_info_counts_what_is_there(root, capsys):
    info("dvs_gesture", root=root, json=True)
    told = json.loads(capsys.readouterr().out)
    train = registry.make("dvs_gesture", root=root).split("train")
    found = told["splits"]["train"]
    assert (found["samples"], found["classes"], found["fewest"], found["most"]) == (22, 11, 2, 2)
    assert found["events"] == pytest.approx(len(train.x) / 22)
    assert found["density"] == pytest.approx(len(train.x) / (22 * 2 * 128 * 128))
    assert found["longest_us"] == int(train.t_us.max())
    assert found["late"] == 0
    info("dvs_gesture", root=root)
    said = capsys.readouterr().out
    assert f"train: 22 samples, 2 to 2 a class, hash {found['hash']}" in said
    info("digit_images")
    assert "mean grey value 0.305" in capsys.readouterr().out


def test_the_hash_is_of_the_recordings(root, monkeypatch):
    monkeypatch.setattr("spareto.data.recorded.PART_EVENTS", 10_000)
    dataset = registry.make("dvs_gesture", root=root)
    before = about(dataset, "test").hash
    assert about(dataset, "test").hash == before
    assert about(dataset, "train").hash != before
    path = dataset.sources()[-1]
    content = bytearray(path.read_bytes())
    content[-8] ^= 2
    path.write_bytes(bytes(content))
    assert about(registry.make("dvs_gesture", root=root), "test").hash != before


def test_a_check_passes_and_fails(root, capsys, tmp_path, monkeypatch):
    check("dvs_gesture", root=root)
    said = capsys.readouterr().out
    assert "ok    train split: 22 samples of 11 classes" in said
    assert "ok    splits: no sample is in both" in said
    assert "-     DvsGesture.tar.gz: the archive is not here" in said
    archive = tmp_path / "DvsGesture.tar.gz"
    archive.write_bytes(b"something else")
    with pytest.raises(SystemExit):
        check("dvs_gesture", root=root)
    wrong = hashlib.md5(b"something else").hexdigest()
    assert (
        f"WRONG DvsGesture.tar.gz: MD5 {wrong} is not 8a5c71fb11e24e5ca5b11866ca6c00a1"
        in capsys.readouterr().out
    )
    monkeypatch.setitem(registry.get("dvs_gesture").checksums, "DvsGesture.tar.gz", wrong)
    check("dvs_gesture", root=root, json=True)
    assert [each["passed"] for each in json.loads(capsys.readouterr().out)] == [True] * 5 + [None] * 2


def test_a_damaged_file_and_a_leak_are_found(root):
    dataset = registry.make("dvs_gesture", root=root)
    path = dataset.sources()[0]
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    found = {each.what: each for each in checks(dataset)}
    assert not found["train split"].passed
    assert str(path) in found["train split"].said
    assert found["test split"].passed
    path.write_bytes(content)
    lists = path.parent / "trials_to_train.txt"
    lists.write_text(lists.read_text() + "user24_natural.aedat\n")
    leaking = {each.what: each for each in checks(registry.make("dvs_gesture", root=root))}
    assert (leaking["splits"].passed, leaking["splits"].said) == (False, "11 samples are in both")


def test_a_missing_set_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"Get it from https://research\.ibm\.com"):
        info("dvs_gesture", root=str(tmp_path))


@pytest.mark.parametrize("name", ["dvs_gesture", "digits", "digit_images"])
def test_a_preview_shows_every_frame(name, root, tmp_path, capsys):
    where = {"root": root, "bins": "events"} if name == "dvs_gesture" else {}
    preview(name, out=tmp_path / "a.png", timesteps=3, samples=2, **where)
    (picture,) = pictures(tmp_path / "a.png")
    assert (picture < 250).any(axis=2).mean() > 0.001
    preview(name, out=tmp_path / "a.gif", timesteps=3, samples=2, **where)
    film = pictures(tmp_path / "a.gif")
    assert len(film) in (1, 3)  # an image that does not move has one
    assert film[0].shape[1] >= 2 * film[0].shape[0]
    assert "2 recordings in" in capsys.readouterr().out


def test_events_stand_where_they_are_and_have_their_colour(tmp_path):
    from spareto.reports.preview import OFF, ON, write_preview

    frames = np.zeros((2, 1, 2, 4, 4), np.uint8)
    frames[0, 0, 1, 0, 3] = frames[1, 0, 0, 2, 1] = 1
    write_preview(tmp_path / "a.gif", frames, [0], "a")
    first, second = pictures(tmp_path / "a.gif")
    assert np.abs(first[16, 3 * 32 + 16] - ON).max() < 12
    assert np.abs(second[2 * 32 + 16, 32 + 16] - OFF).max() < 12
    assert (first == 255).all(axis=2).mean() == pytest.approx(15 / 16)


def test_what_cannot_be_drawn_is_refused(root, tmp_path):
    with pytest.raises(
        InputError, match=r"--out: got .*a\.bmp; expected a name that ends with \.png or \.gif"
    ):
        preview("digits", out=tmp_path / "a.bmp")
    with pytest.raises(ConfigError, match="--timesteps: got 65; expected an integer from 1 to 64"):
        preview("digits", out=tmp_path / "a.png", timesteps=65)
