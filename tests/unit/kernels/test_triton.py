"""The GPU's neuron loops where no GPU is: run on Triton's interpreter, and compiled for real ones."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from backend_cases import KINDS
from neuron_variants import BY_STEPS
from spareto.kernels import cuda_neurons, neurons
from spareto.kernels.dynamics import COEFFICIENTS
from spareto.neurons import registry

TESTS = Path(__file__).parents[2]
needs_triton = pytest.mark.skipif(not importlib.util.find_spec("triton"), reason="Triton is not installed")


def program(name, *arguments, cache):
    """What a program of these tests prints; processes of their own, for Triton decides when imported."""
    path = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])
    done = subprocess.run(
        [sys.executable, str(TESTS / name), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path, "TRITON_CACHE_DIR": str(cache), "SPARETO_KERNELS": "torch"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_triton
def test_the_interpreted_loops_keep_the_laws_of_neurons(tmp_path):
    found = program("triton_interpreted.py", cache=tmp_path)
    assert found["failed"] == []
    assert found["checks"] > 200


@pytest.mark.slow
@needs_triton
@pytest.mark.parametrize("kind", [kind for kind in registry.names() if kind not in BY_STEPS])
def test_the_interpreted_loops_keep_every_law(kind, tmp_path):
    found = program("triton_interpreted.py", kind, cache=tmp_path)
    assert found["failed"] == []
    assert found["checks"] > 20


@needs_triton
def test_the_loops_compile_for_gpus_and_round_every_operation(tmp_path):
    """Sizes of 1 and of multiples of 16 are kinds of their own to Triton."""
    kernels = program("triton_compiled.py", cache=tmp_path)
    assert {(k["kind"], k["name"]) for k in kernels} == {
        (k, n) for k in KINDS for n in ("forward", "backward")
    }
    for kernel in kernels:
        assert kernel["machine_code"] > 0, kernel
        assert kernel["fused"] == kernel["rounded_later"] == 0, f"a multiply-add changes spikes: {kernel}"
        assert kernel["shuffles"] == 0, f"state wanders between threads: {kernel}"
        assert kernel["barriers"] == (kernel["name"] == "backward"), kernel


def test_no_neurons_launch_nothing(monkeypatch):
    monkeypatch.setattr(cuda_neurons, "_kernels", lambda: pytest.fail("a grid of no blocks"))
    x, k = torch.zeros(6, 0, 2), torch.zeros(len(COEFFICIENTS))
    gk = torch.zeros(len(COEFFICIENTS), dtype=torch.float64)
    cuda_neurons.forward(x, x.clone(), k, None, x[:1], 0)
    cuda_neurons.backward(x, x, x.clone(), k, gk, None, None, None, 32, 0)
    assert not gk.any()


@pytest.mark.parametrize("error", [RuntimeError("Failed to find C compiler.\nmore"), ValueError()])
def test_kernels_that_do_not_run_give_way_and_say_so_once(monkeypatch, error):
    def broken():
        raise error

    said = []
    monkeypatch.setattr(cuda_neurons._log, "warning", lambda text, *values: said.append(text % values))
    neurons.prepare()
    monkeypatch.setitem(neurons._places, "cpu", "triton")
    monkeypatch.setattr(cuda_neurons, "_kernels", broken)
    cuda_neurons.works.cache_clear()
    neuron, current = registry.make("lif"), torch.rand(4, 2, 3) * 3
    spikes = [neuron(current) for _ in range(2)]
    cuda_neurons.works.cache_clear()
    why = str(error).splitlines()[0] if str(error) else "ValueError"
    assert said == [
        f"spareto: the Triton kernels cannot be used ({why}); the slower torch steps run on the GPU instead."
    ]
    assert all(
        torch.equal(found, registry.make("lif").double()(current.double()).float()) for found in spikes
    )
