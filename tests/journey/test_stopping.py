"""Ctrl-C once and twice: a store that resumes, and nothing that still runs."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

import kills
from spareto.study.merging import garbage
from spareto.study.store import TrialStore

STUDY = {
    **kills.STUDY,
    "compression_training": {**kills.STUDY["compression_training"], "epochs": 16},  # or all trials end first
    "grid": [{"regime": "joint", "bits": [8, 6, 5, 4, 3, 2], "sparsity": [0.3, 0.5, 0.7]}],
}


def command(folder, *words, out="run"):
    """The command in a process group of its own."""
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return subprocess.Popen(
        [sys.executable, "-m", "spareto", "study", "run", folder / "study.yaml", "--out", folder / out,
         "--json", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
    )  # fmt: skip


def begun(folder, *words):
    """The command behind its first trial."""
    process = command(folder, *words)
    for line in process.stdout:
        if json.loads(line)["event"] == "trial ends":
            return process
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize(
    ("times", "workers"), [(1, "1"), pytest.param(1, "2", marks=pytest.mark.slow), (2, "2")]
)
def test_ctrl_c_leaves_a_store_that_resumes(tmp_path, times, workers):
    process = begun(tmp_path, "--workers", workers)
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert error.endswith("Stopped. The same command carries on.\n")
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert "stopping" in events
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # no worker is left
    with TrialStore.of(tmp_path / "run") as store:
        assert 0 < len(store) < 19
        assert (store.tasks.running(), store.tasks.waiting()) == ([], 0)
    leavings = [
        path.name for path in (tmp_path / "run").rglob("*") if path.name.startswith(("pending-", ".spareto-"))
    ]
    assert leavings == []


def trials(folder):
    """Every trial by its key, without its seconds; files of trials by their names."""
    found = {}
    with TrialStore.of(folder) as store:
        for key, trial in store.items():
            found[key] = {**trial.to_dict(), "seconds": None}
        assert garbage(store) == {}
    rooms = [folder / room for room in ("networks", "workloads", "details")]
    return found, {path.name: path.read_bytes() for room in rooms for path in room.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_what_was_stopped_ends_as_what_was_not(tmp_path, times):
    process = command(tmp_path, "--workers", "2", out="whole")
    assert process.communicate()[1] == ""
    process = begun(tmp_path, "--workers", "2")
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    process.communicate(timeout=600)
    process = command(tmp_path, "--workers", "2")
    process.communicate()
    assert process.returncode == 0
    whole, stopped = trials(tmp_path / "whole"), trials(tmp_path / "run")
    assert len(stopped[0]) == 19
    assert stopped == whole
