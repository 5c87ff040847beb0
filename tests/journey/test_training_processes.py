"""Training in processes of its own: killed by the system, and shared among several by torchrun."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import tiny
from spareto.records import TrainingPlan
from spareto.testing.steps import state_bytes
from spareto.training import best_path, evaluate, load_checkpoint, read_manifest, train
from spareto.training.batches import Batches
from spareto.training.processes import Processes

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src"

SCRIPT = """
import os, sys, time
from pathlib import Path
import torch
import tiny
from spareto.records import TrainingPlan
from spareto.training import train

torch.manual_seed(0)
network = {network}
train(network, tiny.frame_data(), TrainingPlan.parse({plan!r}, "plan"), seed=3, checkpoint=Path(sys.argv[1]),
      on_epoch=lambda report: time.sleep({pause}))
torch.save(network.state_dict(), sys.argv[1] + "." + os.environ.get("RANK", "0"))
"""
PLAN = {"epochs": 6, "batch_size": 3, "learning_rate": 0.02, "validation_share": 0.25, "keep": "best"}


def environment():
    return {
        **os.environ,
        "PYTHONPATH": f"{SOURCE}{os.pathsep}{TESTS}",
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }


def script(folder, plan, network="tiny.network(dropout=0.3)", pause=0.0):
    path = folder / "script.py"
    path.write_text(SCRIPT.format(network=network, plan=plan, pause=pause))
    return path


def wait_for_epoch(path, epoch, process, seconds=240.0):
    """Until the checkpoint has that many epochs behind it; it can be read at any time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and read_manifest(path)["epoch"] >= epoch:
            return
        time.sleep(0.02)
    pytest.fail(f"no checkpoint of epoch {epoch}: {process.stderr.read()}")


def test_a_training_killed_by_the_system_ends_with_the_same_bits(tmp_path):
    path = tmp_path / "state.safetensors"
    command = [sys.executable, str(script(tmp_path, PLAN, pause=0.3)), str(path)]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        wait_for_epoch(path, 2, process)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 2 <= read_manifest(path)["epoch"] < PLAN["epochs"]
    killed, whole = (tiny.network(dropout=0.3) for _ in range(2))
    plan = TrainingPlan.parse(PLAN, "plan")
    train(killed, tiny.frame_data(), plan, seed=3, checkpoint=path)
    train(whole, tiny.frame_data(), plan, seed=3)
    assert state_bytes(killed) == state_bytes(whole)


def torchrun(path, shared):
    """Two processes, gloo."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*words, str(path), str(shared)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_two_processes_train_as_one(tmp_path):
    """Batches of 7 samples, shared as 4 and 3, and of 1, fewer than there are processes."""
    plan = {"epochs": 3, "batch_size": 7, "learning_rate": 0.05, "clip_norm": 1.0, "max_shift": 1}
    path, shared = script(tmp_path, plan, "tiny.spiking_dense()"), tmp_path / "shared.safetensors"
    torchrun(path, shared)
    assert read_manifest(shared)["epoch"] == 3
    torch.manual_seed(0)
    alone, together = tiny.spiking_dense(), tiny.spiking_dense()
    before = [parameter.clone() for parameter in alone.parameters()]
    train(alone, tiny.frame_data(), TrainingPlan.parse(plan, "plan"), seed=3)
    load_checkpoint(shared, together)
    for start, one, two in zip(before, alone.parameters(), together.parameters(), strict=True):
        assert not torch.allclose(start, one, atol=1e-3)
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of threads are read from /proc")
def test_no_thread_outlives_the_group(tmp_path):
    """One that does may ask for the interpreter while it ends; that aborts the process, now and then."""
    path = script(tmp_path, PLAN)
    left = "[open(f'/proc/self/task/{each}/comm').read() for each in os.listdir('/proc/self/task')]"
    check = f"from spareto.training import processes\nprocesses._leave()\nassert 'gloo' not in str({left})\n"
    path.write_text(path.read_text() + check)
    torchrun(path, tmp_path / "shared.safetensors")


def test_two_processes_with_batch_norms_end_with_the_same_best_weights(tmp_path):
    """Batch norms see half of each batch, so the weights are not those of one process; but both agree."""
    plan = {**PLAN, "batch_size": 6, "validation_share": 0.5, "learning_rate": 0.3}
    shared = tmp_path / "shared.safetensors"
    torchrun(script(tmp_path, plan, "tiny.network(dropout=0.3)"), shared)
    ends = [torch.load(f"{shared}.{rank}") for rank in range(2)]
    best, last = tiny.network(dropout=0.3), tiny.network(dropout=0.3)
    load_checkpoint(best_path(shared), best)
    load_checkpoint(shared, last)
    assert read_manifest(shared)["finished"]
    for end in ends:
        assert list(end) == list(best.state_dict())
        assert all(map(torch.equal, end.values(), best.state_dict().values()))
        assert all(map(torch.equal, end.values(), last.state_dict().values()))
    data, manifest = tiny.frame_data(), read_manifest(best_path(shared))
    drawn = Batches(data, TrainingPlan.parse(plan, "plan"), 3, Processes(), torch.device("cpu"))
    right = evaluate(best, data.train_frames[:, drawn.held_out], data.train_labels[drawn.held_out])
    assert (manifest["best_accuracy"], manifest["epoch"]) == (right, manifest["best_epoch"])
    assert ends[0]["features.0.norm.num_batches_tracked"] == manifest["epoch"]
