"""A lock has one holder, who is named, and goes with its process."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spareto.core.artifacts import TEMPORARY, replacing, sweep, write_text
from spareto.core.errors import StoreError
from spareto.core.locks import Held, holding
from spareto.study.writer import LOCK, only_writer

HOLD = """
import sys, time
from pathlib import Path
from spareto.core.locks import holding
with holding(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
HALF = """
import os, signal, sys
from pathlib import Path
from spareto.core.artifacts import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_told_who_was_first(tmp_path, holder):
    with pytest.raises(Held) as caught, holding(tmp_path / "lock"):
        raise AssertionError
    assert caught.value.holder.process == holder.pid
    assert str(holder.pid) in str(caught.value)
    assert caught.value.holder.host


def test_a_killed_holder_lets_go(tmp_path, holder):
    holder.kill()
    holder.wait()
    with holding(tmp_path / "lock"):
        assert json.loads((tmp_path / "lock").read_text())["process"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_who_waits_is_told_and_then_goes_on(tmp_path, holder):
    told = []
    threading.Timer(0.5, holder.kill).start()
    with holding(tmp_path / "lock", seconds=60, on_wait=told.append):
        pass
    assert [one.process for one in told] == [holder.pid]


def test_many_threads_and_files_that_go_give_one_holder_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with holding(tmp_path / "lock", seconds=60):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 80


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"process": "x"}', b"\xff\x00"])
def test_a_lock_file_that_says_nothing(content, tmp_path):
    (tmp_path / "lock").write_bytes(content)
    with holding(tmp_path / "lock"), pytest.raises(Held), holding(tmp_path / "lock"):
        pass


def test_a_run_folder_has_one_writer(tmp_path):
    with only_writer(tmp_path / "run"):
        refused = pytest.raises(StoreError, match=rf"process {os.getpid()} on .* writes to.*--wait")
        with refused, only_writer(tmp_path / "run"):
            pass
        assert (tmp_path / "run" / LOCK).exists()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("again", [False, True])
def test_a_run_folder_that_is_moved_away_is_no_good_end(again, tmp_path):
    writer = only_writer(tmp_path / "run")
    writer.__enter__()
    (tmp_path / "run").rename(tmp_path / "away")
    if again:
        (tmp_path / "run").mkdir()
    with pytest.raises(StoreError, match="run: got "):
        writer.__exit__(None, None, None)


def test_what_killed_writers_left_is_cleared_by_the_next(tmp_path):
    path = tmp_path / "networks" / "a.safetensors"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", HALF, str(path)], check=False)
    left = [p.name for p in path.parent.iterdir()]
    assert len(left) == 1  # the second cleared what the first left
    assert left[0].startswith(TEMPORARY)
    with only_writer(tmp_path):
        assert list(path.parent.iterdir()) == []


def test_a_file_under_way_is_not_cleared(tmp_path):
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("new")
        sweep(tmp_path)
        assert temporary.exists()
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077, 0o027])
def test_files_have_the_rights_that_the_umask_leaves(mask, tmp_path):
    before = os.umask(mask)
    try:
        write_text(tmp_path / "new" / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "a").stat().st_mode & 0o777 == 0o666 & ~mask
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("in the way")
    places = {
        tmp_path / "file" / "a": "not a directory|file exists",
        tmp_path / ("n" * 300): "file name too long",
    }
    for path, reason in places.items():
        with pytest.raises(StoreError, match=reason) as caught:
            write_text(path, "x")
        assert str(caught.value).startswith(str(path))


def write_to_a_full_disk(path):
    with replacing(path), Path("/dev/full").open("w") as full:
        full.write("x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"no space left on device.*Make room"):
        write_to_a_full_disk(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
