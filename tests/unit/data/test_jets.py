"""The LHC jets in small files of both published layouts."""

import sys

import numpy as np
import pytest

from spareto.core.errors import DataError, MissingDependency
from spareto.data.jets import CLASSES, FEATURES, read_jets

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(7, len(FEATURES))).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 4, 0, 1])
OTHERS = ("j_pt", "j_undef")


def table(values=VALUES, labels=LABELS):
    """Columns in another order than ours, with others between them."""
    columns = {name: values[:, i] for i, name in enumerate(FEATURES)}
    columns |= {name: (labels == i).astype(np.float32) for i, name in enumerate(CLASSES)}
    columns |= {name: np.ones(len(values), np.float32) for name in OTHERS}
    return dict(sorted(columns.items()))


def write_matrix(path, columns):
    with h5py.File(path, "w") as file:
        file["jets"] = np.stack(list(columns.values()), axis=1)
        file["jetFeatureNames"] = np.array([name.encode() for name in columns])
        file["jetImage"] = np.zeros((len(LABELS), 2, 2))


def write_records(path, columns):
    rows = np.zeros(len(LABELS), [(name, np.float32) for name in columns])
    for name, column in columns.items():
        rows[name] = column
    with h5py.File(path, "w") as file:
        file["t_allpar_new"] = rows


def by_row(features, labels):
    order = np.lexsort(features.T)
    return features[order], labels[order]


@pytest.mark.parametrize("write", [write_matrix, write_records])
def test_both_layouts_give_the_jets(tmp_path, write):
    write(tmp_path / "jetImage_0_100p.h5", table())
    features, labels = by_row(*read_jets(tmp_path))
    expected, known = by_row(VALUES, LABELS)
    assert features.dtype == np.float32
    assert labels.dtype == np.int64
    assert np.array_equal(features, expected)
    assert np.array_equal(labels, known)


def test_a_jet_that_occurs_twice_is_taken_once(tmp_path):
    write_matrix(tmp_path / "a.h5", table())
    write_records(tmp_path / "b.h5", table())
    assert len(read_jets(tmp_path)[0]) == len(read_jets(tmp_path / "a.h5")[0]) == len(LABELS)


def test_what_is_missing_is_said_with_where_to_get_it(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError, match=r"Get hls4ml_LHCjet_100p_train.*zenodo\.org/records/3602254"):
            read_jets(path)


def without(name):
    columns = table()
    del columns[name]
    return columns


@pytest.mark.parametrize(
    ("columns", "got"),
    [
        (without("j_zlogz"), "got no column j_zlogz"),
        (table(VALUES * np.nan), "got values that are not finite"),
        (table(labels=LABELS + 5), "got jets that are not of exactly one class"),
    ],
)
def test_malformed_tables_are_refused(tmp_path, columns, got):
    write_matrix(tmp_path / "a.h5", columns)
    with pytest.raises(DataError, match=rf"a\.h5: {got}; expected the data set 'jets'"):
        read_jets(tmp_path)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no HDF5")
    with pytest.raises(DataError, match=r"a\.h5: got a file that is not HDF5, or damaged"):
        read_jets(tmp_path)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(DataError, match=r"got the data sets x; expected"):
        read_jets(tmp_path)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    write_matrix(tmp_path / "a.h5", table())
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependency, match=r"pip install 'spareto\[jets\]'"):
        read_jets(tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        lambda file: file.create_group("jets"),
        lambda file: file.create_dataset("jets", data="text"),
        lambda file: file.create_dataset("jets", data=np.zeros((2, 2), "S3")),
        lambda file: file.create_dataset(
            "jets", shape=(1 << 34, 2), chunks=(1 << 20, 1), compression="gzip", dtype="f4"
        ),
        lambda file: file.create_dataset("jets", shape=None, dtype="f4"),
    ],
    ids=["group", "text", "bytes", "huge", "empty"],
)
@pytest.mark.parametrize("names", [[b"\xff", b"x"], [1.5, 2.5], [b"j_zlogz", b"j_zlogz"]], ids=str)
def test_what_is_no_table_is_refused(tmp_path, make, names):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file)
        file["jetFeatureNames"] = names
    with pytest.raises(DataError, match=r"a\.h5: got .*; expected the data set 'jets'"):
        read_jets(tmp_path)
