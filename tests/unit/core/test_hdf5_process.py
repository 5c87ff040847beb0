"""HDF5 is read by another process: one that dies or never ends is answered, and the next file is read."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from spareto.core import hdf5_process
from spareto.core.hdf5_process import read_group

h5py = pytest.importorskip("h5py")
VALUES = {
    "numbers": np.arange(6, dtype=">i2").reshape(2, 3),
    "none": np.zeros((0, 3), np.float32),
    "one": np.float64(0.5),
    "yes": np.array([True, False]),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as made:
        group = made.create_group("node")
        for name, value in VALUES.items():
            group[name] = value
        group["text"] = "größer"
        group["inner/texts"] = [["a", "b"], ["c", ""]]
    return path


@pytest.fixture
def endless(tmp_path):
    """A file that is opened and never comes."""
    path = tmp_path / "pipe.h5"
    os.mkfifo(path)
    return path


def process():
    return hdf5_process._PROCESS._child


def test_what_comes_back_is_what_h5py_reads(file):
    found = read_group(file, "node")
    for name, value in VALUES.items():
        assert found[name].dtype == value.dtype
        assert np.array_equal(found[name], value)
        assert found[name].shape == value.shape
    assert found["text"] == "größer"
    assert found["inner"]["texts"].tolist() == [["a", "b"], ["c", ""]]


def test_one_process_reads_all(file):
    read_group(file, "node")
    first = process().pid
    read_group(file, "node")
    assert process().pid == first


def test_a_process_that_dies_is_answered_and_another_goes_on(file, endless):
    read_group(file, "node")
    dying = process()

    def kill():
        time.sleep(0.3)
        dying.send_signal(signal.SIGSEGV)

    threading.Thread(target=kill).start()
    with pytest.raises(ValueError, match="HDF5 crashes on it"):
        read_group(endless, "node")
    assert set(read_group(file, "node")) > set(VALUES)


def test_a_read_without_an_end_is_ended(file, endless, monkeypatch):
    monkeypatch.setattr(hdf5_process, "SECONDS", 0.3)
    with pytest.raises(ValueError, match="without an end"):
        read_group(endless, "node")
    monkeypatch.undo()
    assert set(read_group(file, "node")) > set(VALUES)


def test_a_damaged_file_is_refused_in_words(file):
    with pytest.raises(ValueError, match="other"):
        read_group(file, "other")
    file.write_bytes(file.read_bytes()[:700])
    with pytest.raises(ValueError, match="truncated"):
        read_group(file, "node")
