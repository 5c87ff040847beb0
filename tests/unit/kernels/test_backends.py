"""Every backend and instruction set runs the same neurons: spikes to the bit, gradients to rounding."""

import ctypes
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from backend_cases import KINDS, check_same, results
from spareto.kernels import c_neurons, library, numba_neurons
from spareto.kernels.dynamics import Dynamics
from spareto.native import build, machine

needs_c = pytest.mark.skipif(library.backend() != "c", reason="the C kernels do not run here")
needs_numba = pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="numba is not installed")


class Level:
    """The C loops of one instruction set, whatever the library has chosen."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))

    def __enter__(self):
        def function(name, signature):
            found = getattr(self.library, name)
            found.argtypes = [library._TYPES[letter] for letter in signature]
            return found

        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(c_neurons, "function", function)
        return c_neurons

    def __exit__(self, *_):
        self.patch.undo()


@pytest.fixture
def neuron_sources(tmp_path, monkeypatch):
    """The sources of the neuron loops alone, which compile in a second."""
    if build.compiler() is None:
        pytest.skip("no C compiler")
    (tmp_path / "csrc").mkdir()
    for name in ("vec.h", "memory.h", "neuron.h", "neuron.c"):
        shutil.copy(build.KERNELS.sources / name, tmp_path / "csrc")
    monkeypatch.setattr(build, "KERNELS", replace(build.KERNELS, sources=tmp_path / "csrc"))
    return tmp_path


@needs_c
@pytest.mark.parametrize("level", build.levels())
def test_instruction_sets_agree(level, neuron_sources):
    path = neuron_sources / f"{level}.so"
    build.compile_library(level, path)
    if not machine.cpu_flags() >= machine.CPU_FLAGS[level]:
        pytest.skip(f"compiled, but this processor has no {level}")
    for fields in KINDS.values():
        dynamics = Dynamics(**fields)
        with Level(path) as loops:
            found = results(loops, dynamics)
        check_same(found, results(c_neurons, dynamics))


@needs_c
def test_without_openmp_one_thread_does_the_work(neuron_sources, monkeypatch):
    """A compiler that refuses -fopenmp still gives a library."""
    wrapper = neuron_sources / "cc"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *-fopenmp*) echo "no OpenMP" >&2; exit 1;; esac\n'
        f'exec {shlex.join(build.compiler())} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("CC", str(wrapper))
    path = neuron_sources / "serial.so"
    build.compile_library("portable", path)
    assert b"GOMP_parallel" not in path.read_bytes()
    dynamics = Dynamics(**KINDS["everything learned"])
    with Level(path) as loops:
        check_same(results(loops, dynamics), results(c_neurons, dynamics))


def numba_agrees(kind):
    dynamics = Dynamics(**KINDS[kind])
    check_same(results(numba_neurons, dynamics), results(c_neurons, dynamics))


@needs_c
@needs_numba
def test_numba_agrees():
    numba_agrees("lif")


@pytest.mark.slow
@needs_c
@needs_numba
@pytest.mark.parametrize("kind", KINDS)
def test_numba_agrees_on_every_kind(kind):
    numba_agrees(kind)


@needs_c
@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_nothing(kind):
    dynamics, before = Dynamics(**KINDS[kind]), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = results(c_neurons, dynamics, (5, 4, 2063))
        torch.set_num_threads(2)
        shared, again = (results(c_neurons, dynamics, (5, 4, 2063)) for _ in range(2))
    finally:
        torch.set_num_threads(before)
    check_same(shared, alone)
    assert all(map(torch.equal, shared, again))


@needs_c
def test_a_long_time_fits_the_scratch():
    dynamics = Dynamics(**KINDS["everything learned"])
    x = torch.randn(3000, 40)
    k = dynamics.coefficients().detach()
    spikes, gx, gk = torch.empty_like(x), torch.empty_like(x), torch.zeros(len(k), dtype=torch.float64)
    c_neurons.forward(x, spikes, k, None, None, dynamics.flags)
    c_neurons.backward(x, torch.ones_like(x), gx, k, gk, None, None, None, dynamics.flags, 1)
    assert torch.isfinite(gx).all()
    assert spikes.any()


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SPARETO_KERNELS": "", "SPARETO_ISA": "", **environment},
    )
    return done.stdout.strip(), done.stderr.strip()


BACKEND = "from spareto.kernels import backend; print(backend(), backend())"


def test_without_a_compiler_another_backend_runs_and_says_so_once(tmp_path):
    nothing = {"PATH": str(tmp_path), "CC": "", "XDG_CACHE_HOME": str(tmp_path)}
    if any(build.KERNELS.shipped.glob("*.so")):
        pytest.skip("compiled kernels are installed")
    out, err = python(BACKEND, **nothing)
    instead = "numba" if importlib.util.find_spec("numba") else "torch"
    assert out == f"{instead} {instead}"
    why = "no C compiler (cc, gcc or clang) was found"
    assert err == f"spareto: the C kernels cannot be used ({why}); the slower {instead} backend runs instead."


def test_a_failing_compiler_is_quoted(tmp_path):
    false = {"CC": "false", "XDG_CACHE_HOME": str(tmp_path)}
    if any(build.KERNELS.shipped.glob("*.so")):
        pytest.skip("compiled kernels are installed")
    _, err = python(BACKEND, **false)
    assert err.startswith("spareto: the C kernels cannot be used ('false' failed: no message);")
    assert not list(tmp_path.rglob("*.so")), "half a library was left"


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_the_backend_can_be_chosen(backend):
    assert python(BACKEND, SPARETO_KERNELS=backend) == (f"{backend} {backend}", "")


def test_a_wrong_choice_is_named():
    _, err = python(BACKEND, SPARETO_KERNELS="nunba")
    assert err.endswith(
        "SPARETO_KERNELS: got 'nunba'; expected one of c, numba, torch. Did you mean 'numba'?"
    )


@pytest.mark.slow
@needs_c
def test_a_library_is_compiled_once_and_cached(tmp_path):
    if build.compiler() is None or any(build.KERNELS.shipped.glob("*.so")):
        pytest.skip("no C compiler, or compiled kernels are installed")
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    assert python(BACKEND, **cache) == ("c c", "")
    (compiled,) = tmp_path.rglob("*.so")
    before = compiled.stat().st_mtime_ns
    assert python(BACKEND, **cache) == ("c c", "")
    assert compiled.stat().st_mtime_ns == before
    assert compiled.name == build.file_name(library.level())


@pytest.mark.slow
@needs_c
def test_the_libraries_stay_small(tmp_path):
    if build.compiler() is None:
        pytest.skip("no C compiler")
    built = build.build_all(tmp_path)
    assert sum(path.stat().st_size for path in built) <= 3 << 19  # 1.5 MiB, three instruction sets
    assert len(built) == len(build.levels())


def test_other_sources_are_another_library(neuron_sources):
    before = build.file_name("portable")
    (neuron_sources / "csrc" / "vec.h").write_text("/* changed */")
    assert build.file_name("portable") != before
