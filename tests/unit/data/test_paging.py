"""Mapped frames do not fill the process's memory, and lose nothing when their pages are let go."""

import sys
from pathlib import Path

import numpy as np
import pytest

from spareto.data import paging
from spareto.data.cache import content_hash
from spareto.data.mapped import map_frames, write_frames

MEBIBYTE = 1 << 20


def held():
    """MiB of files that this process holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssFile")).split()[1]) >> 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_mapped_frames_are_written_and_read_without_filling_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(paging, "KEPT", 8 * MEBIBYTE)
    parts = [np.full((4, 8, 1, 512, 512), place, np.uint8) for place in range(12)]
    before, seen = held(), list[int]()

    def each():
        for part in parts:
            seen.append(held())
            yield part, np.zeros(8, np.int64)

    write_frames(tmp_path / "frames.npy", (4, 96, 1, 512, 512), each())
    frames = map_frames(tmp_path / "frames.npy")
    assert content_hash({"frames": frames}) == content_hash({"frames": np.concatenate(parts, 1)})
    for place in range(12):
        assert (frames[:, 8 * place : 8 * place + 8] == place).all()
        paging.has_read(8 * MEBIBYTE)
        seen.append(held())
    assert max(seen) - before < 40  # of 96


def test_changes_that_are_in_no_file_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(paging, "KEPT", 0)
    np.save(tmp_path / "a.npy", np.zeros(1 << 16, np.uint8))
    own, shared = (np.load(tmp_path / "a.npy", mmap_mode=mode) for mode in ("c", "r+"))
    for array in (own, shared):
        assert paging.watched(array) is array
        array[:] = 7
    paging.has_read(1)
    assert (own == 7).all()
    assert (shared == 7).all()
    assert (np.load(tmp_path / "a.npy") == 7).all()
