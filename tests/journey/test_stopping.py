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
from spareto.study.store import TrialStore

STUDY = {
    **kills.STUDY,
    "grid": [{"regime": "joint", "bits": [8, 6, 5, 4, 3, 2], "sparsity": [0.3, 0.5, 0.7]}],
}


def begun(folder, *words):
    """The command in a process group of its own, behind its first trial; its process and its line so far."""
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    process = subprocess.Popen(
        [sys.executable, "-m", "spareto", "study", "run", folder / "study.yaml", "--out", folder / "run",
         "--json", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip
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
