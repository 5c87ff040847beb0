"""The GPU benchmark says plainly that there is no GPU; its rows, measured here on the CPU."""

import pytest
import torch

pytest.importorskip("snntorch", reason="needs the extra 'snntorch'")
pytest.importorskip("spikingjelly", reason="needs the extra 'spikingjelly'")
pytest.importorskip("norse.torch", reason="needs the extra 'norse'")

from benchmarks import gpu, neurons, timing, training

DENSE = {"sensor": (1, 1, 30), "classes": 3, "hidden": (8,), "votes": 1, "batch_norm": False}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(timing, "on_gpu", timing.in_turns)
    monkeypatch.setattr(gpu, "SHAPES", {"small": (4, 2, 5)})
    workload = training.Workload(("dense", DENSE), timesteps=5, batch=4, density=0.5)
    monkeypatch.setattr(training, "WORKLOADS", {"dense": workload})
    return gpu.parse(["--workloads", "dense", "--rounds", "1"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_measured():
    with pytest.raises(SystemExit, match="got no CUDA device; expected one"):
        gpu.main(["--json"])
    assert not gpu.possible()


def test_layers_are_compared_with_our_lif(small):
    rows = list(gpu.layers("triton", small, "cpu"))
    assert [row.other for row in rows] == ["lif", *neurons.KINDS, "spikingjelly triton"]
    assert rows[0].ratio == 1.0
    assert all(row.ratio == pytest.approx(row.other_ms / row.lif_ms) for row in rows)


def test_steps_are_compared_on_equal_networks(small):
    (row,) = gpu.steps("triton", small, "cpu")
    assert (row.workload, row.peer) == ("dense", "spikingjelly triton")
    assert row.ratio == pytest.approx(row.peer_ms / row.ours_ms)
    assert len(row.densities) == 2


def test_the_choice_of_backend_is_the_one_spikingjelly_reads():
    from spikingjelly._ops import lif

    assert lif._selection._environment_variable == gpu.CHOICE


def test_a_backend_that_fails_is_named(monkeypatch, capsys):
    monkeypatch.setattr(gpu.sys, "executable", "false")
    assert gpu.elsewhere("cuda", []) is None
    assert capsys.readouterr().err.startswith("benchmarks.gpu: SpikingJelly's cuda backend is left out")


def test_rows_are_printed_as_a_table(small):
    rows = {
        "device": "a GPU",
        "our_neurons": "triton",
        "neurons": [vars(row) for row in gpu.layers("triton", small, "cpu")],
        "training": [vars(row) for row in gpu.steps("triton", small, "cpu")],
    }
    lines = gpu._table(rows).splitlines()
    assert lines[0] == "a GPU; our neurons run in triton"
    assert len(lines) == 1 + len(rows["neurons"]) + 1
