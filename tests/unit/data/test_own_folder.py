"""Folders of files: how labels and splits are found, and what is left out and told."""

import shutil

import numpy as np
import pytest

import event_files
from own_files import SENSOR, recording, write_folder
from spareto.core.errors import DataError
from spareto.data.own import folder as own_folder
from spareto.data.own import load_own
from spareto.records.data import FolderData

KEYS = {"timesteps": 5, "sensor": list(SENSOR)}


@pytest.fixture(autouse=True, params=["memory", "files"])
def kept(request, monkeypatch):
    """Recordings in memory, and in their files as those of large folders: the same is found and told."""
    if request.param == "files":
        monkeypatch.setattr(own_folder, "IN_FILES", 0)


def load(folder, **keys):
    return load_own(FolderData.parse({"folder": str(folder), **KEYS, **keys}, "data"))


def refusal(folder, **keys) -> list[str]:
    with pytest.raises(DataError) as error:
        load(folder, **keys)
    return [
        line.replace(f"{folder}/", "").replace(str(folder), "FOLDER")
        for line in str(error.value).splitlines()
    ]


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "recordings")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return load(write_folder(tmp_path_factory.mktemp("plain")))


@pytest.fixture
def flat(tmp_path):
    """The same recordings in one folder without labels, and the lines of a table of them."""
    folder = tmp_path / "flat"
    folder.mkdir()
    lines = []
    for number, split in enumerate(("train", "test")):
        for label, name in enumerate(("cat", "dog")):
            for index in range(3):
                file = f"{split}_{name}_{index}.npz"
                np.savez(folder / file, **recording(10 * number + index, label))
                lines.append((file, name, label, split))
    return folder, lines


TABLES = {
    "comma": ("labels.csv", "file,label,split\n", "{0},{1},{3}\n", "utf-8"),
    "numbers": ("labels.csv", "file,label,split\n", "{0},{2},{3}\n", "utf-8"),
    "excel": ("labels.csv", "file;label;split\r\n", "{0};{1};{3}\r\n", "utf-8-sig"),
    "tabs": ("labels.tsv", "filename\tclass\tset\n", "{0}\t{1}\t{3}\n", "utf-8"),
    "other_order": ("anything.csv", "Split,Label,Comment,Path\n", "{3},{1},x,{0}\n", "utf-8"),
    "no_head": ("labels.csv", "", "{0},{1},{3}\n", "utf-8"),
    "no_suffix": ("labels.csv", "file,label,split\n", "{4},{1},{3}\n", "utf-8"),
    "spaces": ("labels.csv", " file , label , split \n\n", " {0} , {1} , {3} \n", "utf-8"),
    "windows": ("labels.csv", "file,label,split\n", ".\\{0},{1},{3}\n", "utf-8"),
    "quoted": ("labels.csv", "file,label,split\n", '"{0}","{1}","{3}"\n', "utf-8"),
    "floats": ("labels.csv", "file,label,split\n", "{0},{2}.0,{3}\n", "utf-8"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_any_kind_says_labels_and_splits(flat, kind, expected):
    folder, lines = flat
    name, head, row, encoding = TABLES[kind]
    text = head + "".join(row.format(*line, line[0].removesuffix(".npz")) for line in lines)
    (folder / name).write_text(text, encoding=encoding, newline="")
    assert load(folder).hash == expected.hash


def test_one_table_a_split_and_paths_in_tables(folder, expected):
    for split in ("train", "test"):
        lines = [f"{p.relative_to(folder)},{p.parent.name}" for p in sorted((folder / split).rglob("*.npz"))]
        (folder / f"{split}.csv").write_text("\n".join(["file,label", *lines]))
    assert load(folder).hash == expected.hash
    both = "\n".join(
        ["file,label", *((folder / f"{s}.csv").read_text().partition("\n")[2] for s in ("train", "test"))]
    )
    for split in ("train", "test"):
        (folder / f"{split}.csv").unlink()
    (folder / "labels.csv").write_text(both)
    assert load(folder).hash == expected.hash  # the folders train and test say the split


def test_files_that_hold_their_label_themselves(tmp_path, expected):
    for number, split in enumerate(("train", "test")):
        (tmp_path / "own" / split).mkdir(parents=True)
        for label in (0, 1):
            for index in range(3):
                path = tmp_path / "own" / split / f"{label}{index}.npz"
                np.savez(path, **recording(10 * number + index, label), label=label)
    assert load(tmp_path / "own").hash == expected.hash


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("0", "1"), None),
        (("3", "9"), "Labels 3 to 9 are classes 0 to 1."),
        (("a", "b"), "Classes: 0 a, 1 b."),
    ],
)
def test_names_of_classes_become_numbers(folder, names, said, expected):
    for split in ("train", "test"):
        for old, new in zip(("cat", "dog"), names, strict=True):
            (folder / split / old).rename(folder / split / new)
    found = load(folder)
    assert found.hash == expected.hash
    assert said is None or said in found.notes


def test_numbers_of_classes_are_in_their_own_order(folder):
    for split in ("train", "test"):
        for old, new in zip(("cat", "dog"), ("9", "10"), strict=True):
            (folder / split / old).rename(folder / split / new)
    found = load(folder)
    left = found.train_frames[..., :4].sum(axis=(0, 2, 3, 4)) > 0  # where events of class 0 fall
    assert found.train_labels.tolist() == [0 if is_left else 1 for is_left in left]


def test_one_folder_without_splits_needs_a_share(tmp_path, folder):
    mixed = tmp_path / "mixed"
    shutil.copytree(folder / "train", mixed)
    assert refusal(mixed) == [
        "mixed: got no test split; expected a training split and a test split."
        " Give train and test data, or write data.test_share: 0.2."
    ]
    found = load(mixed, test_share=0.34)
    assert (found.train_labels.tolist(), found.test_labels.tolist()) == ([0, 0, 1, 1], [0, 1])
    assert load(mixed, test_share=0.34).hash == found.hash
    (mixed / "lone").mkdir()
    np.savez(mixed / "lone" / "0.npz", **recording(5))
    assert (
        "got 1 of class 2; expected at least one sample of each class" in refusal(mixed, test_share=0.34)[0]
    )


def test_what_systems_leave_behind_is_left_out_and_told(folder, expected):
    (folder / ".DS_Store").write_bytes(b"\0Bud1")
    (folder / "train" / ".DS_Store").write_bytes(b"\0Bud1")
    (folder / "train" / "cat" / "._0.npz").write_bytes(b"Mac OS X")
    (folder / "__MACOSX" / "train" / "cat").mkdir(parents=True)
    (folder / "__MACOSX" / "train" / "cat" / "._1.npz").write_bytes(b"Mac OS X")
    (folder / "test" / "Thumbs.db").write_bytes(b"x")
    (folder / "README.txt").write_text("mine")
    found = load(folder)
    assert found.hash == expected.hash
    assert any(
        note.startswith("5 of 18 files left by an operating system are left out (.DS_Store,")
        for note in found.notes
    )
    assert "1 of 18 files of other kinds are left out (README.txt)." in found.notes


def test_files_without_a_line_are_told(flat):
    folder, lines = flat
    rows = [f"{file},{name},{split}" for file, name, _, split in lines if file != "train_cat_2.npz"]
    (folder / "labels.csv").write_text("\n".join(["file,label,split", *rows]))
    notes = load(folder).notes
    assert "1 of 12 files without a line in the table are left out (train_cat_2.npz)." in notes


def damage(path, kind):
    content = path.read_bytes()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "text":
        path.write_text("x,y,t\n1,2,3\n")
    elif kind == "flipped":
        path.write_bytes(content[:200] + bytes(byte ^ 255 for byte in content[200:260]) + content[260:])
    else:
        np.savez(path, x=np.array([{}], object), t=np.array([1]))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("empty", "got an empty file; "),
        ("truncated", "got a truncated or damaged file ("),
        ("flipped", "got a truncated or damaged file ("),
        ("text", "got a file that is neither, whatever its name says; "),
        ("pickled", "got pickled Python objects; "),
    ],
)
def test_damaged_files_are_all_named(folder, kind, told):
    damage(folder / "train" / "cat" / "1.npz", kind)
    damage(folder / "train" / "dog" / "2.npz", kind)
    lines = refusal(folder)
    assert [line.partition(":")[0] for line in lines] == ["train/cat/1.npz", "train/dog/2.npz"]
    assert all(told in line for line in lines)


def test_labels_beyond_the_classes_name_their_file(folder, flat):
    assert refusal(folder, classes=1) == [
        "train/dog/0.npz: label: got 1; expected a class from 0 to 0. Mend the label, or set data.classes.",
        "test/dog/0.npz: label: got 1; expected a class from 0 to 0. Mend the label, or set data.classes.",
    ]
    flat_folder, lines = flat
    rows = [f"{file},{7 if file == 'test_dog_1.npz' else label},{split}" for file, _, label, split in lines]
    (flat_folder / "labels.csv").write_text("\n".join(["file,label,split", *rows]))
    (line,) = refusal(flat_folder, classes=2)
    assert line.startswith("labels.csv, line 12: label: got 7; expected a class from 0 to 1. Mend the label,")
    assert (
        "labels.csv, line 12: label: got class 7; expected a class of the training split."
        in refusal(flat_folder)[0]
    )
    shutil.rmtree(folder / "train" / "dog")
    assert "test/dog/0.npz: label: got class 1; expected a class of the training split." in refusal(folder)[0]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("file,lable\na.npz,1\n", "labels.csv: got columns file, lable; expected columns file and label"),
        (
            "file,label\nnone.npz,1\n",
            "labels.csv, line 2: got 'none.npz'; expected a recording or an array",
        ),
        ("file,label\ntrain_cat_0.npz\n", "labels.csv, line 2: got 1 cells; expected a file and its label."),
        ("file,label\ntrain_cat_0.npz,\n", "labels.csv, line 2: got 2 cells; expected a file and its label."),
        (
            "file,label\ntrain_cat_0.npz,0\ntrain_cat_0.npz,1\n",
            "labels.csv, line 3: got train_cat_0.npz again; expected each file once (line 2).",
        ),
        (
            "file,label,split\ntrain_cat_0.npz,0,dev\n",
            "labels.csv, line 2: got 'dev'; expected train or test.",
        ),
        (
            "file,label\ntrain_cat_0.npz,-1\n",
            "line 2: label: got -1; expected a class number from 0, or a name.",
        ),
        ("", "labels.csv: got columns none"),
    ],
)
def test_faults_of_a_table_name_its_line(flat, table, told):
    folder, _ = flat
    (folder / "labels.csv").write_text(table)
    assert told in refusal(folder)[0]


def test_a_folder_that_is_none_or_holds_nothing(tmp_path, folder):
    assert refusal(tmp_path / "none")[0].startswith("FOLDER: got no such folder; ")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty")[0].startswith("FOLDER: got nothing; expected files that end with .npz")
    (tmp_path / "empty" / "a.docx").write_bytes(b"x")
    assert refusal(tmp_path / "empty")[0].startswith("FOLDER: got .docx; ")
    for name in ("one.csv", "two.csv"):
        (folder / name).write_text("file,label\n")
    assert refusal(folder)[0].startswith("FOLDER: got several tables: one.csv, two.csv; expected one table")
    assert (
        "no such file; expected a table of labels. The folder has one.csv, two.csv."
        in refusal(folder, labels="x.csv")[0]
    )


def test_files_without_any_label(flat):
    lines = refusal(flat[0])
    assert lines[0].startswith(
        "test_cat_0.npz: got no folder of a class; expected a label. Put the files into one"
    )
    assert lines[-1].endswith("9 more like it.")


def frames_folder(root, shape=(4, 3, 5), change=lambda frames: frames, suffix=".npy"):
    for number, split in enumerate(("train", "test")):
        for label in (0, 1):
            place = root / split / str(label)
            place.mkdir(parents=True)
            for index in range(2):
                frames = (
                    np.random.default_rng([number, label, index]).integers(0, 2, shape).astype(np.float32)
                )
                path = place / f"{index}{suffix}"
                made = change(frames)
                np.save(path, made) if suffix == ".npy" else np.savez(path, frames=made)
    return root


def load_frames_folder(root, **keys):
    return load_own(FolderData.parse({"folder": str(root), **keys}, "data"))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_frames_of_a_sample_a_file(tmp_path, suffix):
    found = load_frames_folder(frames_folder(tmp_path / "f", suffix=suffix), layout="batch-first")
    assert found.train_frames.shape == (4, 4, 3, 5)
    one = np.random.default_rng([1, 1, 0]).integers(0, 2, (4, 3, 5))
    assert np.array_equal(found.test_frames[:, 2], one)
    still = load_frames_folder(tmp_path / "f", layout="static", timesteps=6)
    assert still.train_frames.shape == (6, 4, 4, 3, 5)
    assert still.hash != found.hash


def test_frames_of_other_shapes_or_not_finite_are_named(tmp_path):
    root = frames_folder(tmp_path / "f")
    np.save(root / "train" / "1" / "0.npy", np.zeros((5, 3, 5)))
    with pytest.raises(
        DataError, match=r"train/1/0.npy: got shape \(5, 3, 5\); expected \(4, 3, 5\), as .*/train/0/0.npy"
    ):
        load_frames_folder(root, layout="batch-first")
    np.save(root / "train" / "1" / "0.npy", np.full((4, 3, 5), np.nan))
    with pytest.raises(DataError, match=r"train/1/0.npy: got nan or infinity in 100.00% of the numbers"):
        load_frames_folder(root, layout="batch-first")
    np.savez(root / "train" / "1" / "0.npz", **recording(0))
    (root / "train" / "1" / "0.npy").unlink()
    with pytest.raises(DataError, match="got frames among events; expected events as in the other files"):
        load_frames_folder(root, layout="batch-first")


@pytest.mark.parametrize("form", ["npy", "alone", "events", "labelled"])
def test_structured_arrays_of_events(tmp_path, form, expected):
    for number, split in enumerate(("train", "test")):
        for label in (0, 1):
            place = tmp_path / "s" / split / str(label)
            place.mkdir(parents=True)
            for index in range(3):
                events = recording(10 * number + index, label)
                made = np.empty(60, [("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "?")])
                for name in "xypt":
                    made[name] = events[name]
                match form:
                    case "npy":
                        np.save(place / f"{index}.npy", made)
                    case "alone":
                        np.savez(place / f"{index}.npz", made)
                    case "events":
                        np.savez(place / f"{index}.npz", events=made)
                    case _:
                        np.savez(place / f"{index}.npz", events=made, label=label)
    assert load(tmp_path / "s").hash == expected.hash


def test_two_archives_of_arrays(tmp_path):
    root = tmp_path / "arrays"
    root.mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 4)):
        frames = rng.integers(0, 2, (7, count, 3, 2, 2))
        np.savez(root / f"{split}.npz", frames=frames, labels=np.arange(count) % 2)
    found = load_frames_folder(root)
    assert (found.train_frames.shape, found.test_frames.shape) == ((7, 6, 3, 2, 2), (7, 4, 3, 2, 2))


@pytest.mark.parametrize("name", event_files.WRITERS)
def test_a_folder_of_files_of_an_event_camera(name, tmp_path):
    write, suffix = event_files.WRITERS[name]
    for number, split in enumerate(("train", "test")):
        for label in ("left", "right"):
            place = tmp_path / "camera" / split / label
            place.mkdir(parents=True)
            some = event_files.events(50, seed=10 * number + len(label))
            (place / f"0{suffix}").write_bytes(write(some))
    plan = {"folder": str(tmp_path / "camera"), "timesteps": 3, "sensor": [2, 34, 34], "bins": "events"}
    data = load_own(FolderData.parse({**plan, "binary": False}, "data"))
    assert data.train_frames.shape == (3, 2, 2, 34, 34)
    assert data.train_frames.sum(axis=(1, 2, 3, 4)).tolist() == [32, 32, 36]
    (place / f"0{suffix}").write_bytes(b"")
    with pytest.raises(DataError, match="an empty file"):
        load_own(FolderData.parse(plan, "data"))
