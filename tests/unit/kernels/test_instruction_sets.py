"""Every build of the kernels does with recorded calls what the portable one did: sums to rounding."""

import re
import shutil
import sys
from functools import cache

import pytest
import torch

from replay import cases, native, program, shapes
from replay.compare import difference
from replay.recording import ADDRESSES, Recorder
from spareto.kernels import c_layers, library
from spareto.native import build, machine

needs_c = pytest.mark.skipif(library.backend() != "c", reason="the C kernels do not run here")
ARM = ("aarch64-linux-gnu-gcc", "qemu-aarch64-static")
needs_arm = pytest.mark.skipif(
    not all(map(shutil.which, ARM)), reason="needs Debian's gcc-aarch64-linux-gnu and qemu-user-static"
)
TO_THE_BIT = {
    *("spareto_neuron_forward", "spareto_block_forward", "spareto_affine_gradient", "spareto_unpack"),
    *("spareto_pool_max", "spareto_pool_max_back"),
    *("spareto_pack_planes", "spareto_pack_rows", "spareto_count", "spareto_affine_sum"),
    *(f"spareto_train_{name}" for name in ("gaps", "places", "effects", "windows", "reached")),
}
TOLERANCE = 1e-5  # of the largest number of an array: wider vectors add up in another order


def kernels(level):
    return library._opened(library.library_file(level))


@cache
def recorded():
    recorder = Recorder(kernels("portable"))
    with recorder.recording() as calls:
        cases.run()
    return calls


@cache
def drawn(count, seed):
    """Calls on random shapes."""
    recorder = Recorder(kernels("portable"))
    with recorder.recording() as calls:
        shapes.run(count, seed)
    return calls


def check(made_again, tolerance):
    for call, found in zip(recorded(), made_again, strict=True):
        allowed = 0.0 if call.name in TO_THE_BIT else tolerance
        differs = difference(call, found)
        assert differs <= allowed, f"{call.name}{tuple(call.arguments)} differs by {differs:.1e}"


@needs_c
def test_every_kernel_is_recorded():
    sources = "\n".join(path.read_text() for path in build.KERNELS.sources.glob("*.c"))
    changing = {
        call.name
        for call in recorded()
        for region in call.regions
        if region.kind != ADDRESSES and (region.before != region.after).any()
    }
    assert set(re.findall(r"EXPORT int (\w+)\(", sources)) == changing


@needs_c
@pytest.mark.parametrize("level", build.levels())
def test_instruction_sets_agree(level):
    if not machine.cpu_flags() >= machine.CPU_FLAGS[level]:
        pytest.skip(f"this processor has no {level}")
    own = kernels(level)
    check((native.again(call, own) for call in recorded()), 0.0 if level == "portable" else TOLERANCE)


@pytest.mark.cross
@needs_c
@needs_arm
def test_64_bit_arm_agrees_to_the_bit(tmp_path):
    """NEON vectors are as wide as those of SSE2, so every sum has the same order."""
    gcc, qemu = ARM
    built = program.compiled(recorded(), (gcc, "-fopenmp", "-static"), tmp_path)
    check(program.again(recorded(), (qemu, str(built)), tmp_path), 0.0)


SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def sanitized(calls, tmp_path, *flags):
    """Make calls again under AddressSanitizer and UBSan, and compare them to the bit."""
    replayed(calls, sanitizing(calls, tmp_path, *flags), tmp_path)


def replayed(calls, built, tmp_path):
    for call, found in zip(calls, program.again(calls, (str(built),), tmp_path), strict=True):
        assert difference(call, found) == 0.0, f"{call.name}{tuple(call.arguments)} differs"


def sanitizing(calls, tmp_path, *flags):
    """The program that makes calls again under the sanitizers."""
    command = build.compiler()
    if command is None:
        pytest.skip("no C compiler")
    return program.compiled(calls, (*command, "-fopenmp", *SANITIZED, *flags), tmp_path)


@pytest.mark.slow
@needs_c
def test_no_kernel_reaches_beyond_its_memory(tmp_path):
    sanitized(recorded(), tmp_path)


@pytest.mark.slow
@needs_c
def test_no_kernel_reaches_beyond_its_memory_on_random_shapes(tmp_path):
    """2,000 shapes, 500 at a time: what their calls saw takes a gigabyte."""
    built = None
    for seed in range(4):
        calls = drawn.__wrapped__(4 * 500, seed)
        built = built or sanitizing(calls, tmp_path)
        replayed(calls, built, tmp_path)


@pytest.mark.slow
@needs_c
@pytest.mark.skipif(sys.platform != "linux", reason="needs a linker that wraps functions")
def test_every_allocation_may_fail(tmp_path):
    """Each in turn, in every recorded call: it answers so, and the call made again does what it should."""
    sanitized(recorded(), tmp_path, "-DFAILING", program.FAILING)


@needs_c
@pytest.mark.parametrize("level", build.levels())
def test_instruction_sets_agree_on_random_shapes(level):
    if not machine.cpu_flags() >= machine.CPU_FLAGS[level]:
        pytest.skip(f"this processor has no {level}")
    own = kernels(level)
    for call in drawn(200, 99):
        allowed = 0.0 if call.name in TO_THE_BIT or level == "portable" else TOLERANCE
        assert difference(call, native.again(call, own)) <= allowed, f"{call.name}{tuple(call.arguments)}"


def test_the_rows_of_a_gradient_are_memory_to_their_end():
    """The kernels read whole rows, and the last row of a slice may be the last of the memory."""
    whole = torch.randn(6, 21)
    for part, kept in ((whole, True), (whole[:, :16], True), (whole[:, 16:], False), (whole[0:1, 16:], True)):
        rows, step = c_layers._rows(part)
        assert torch.equal(rows, part)
        assert (rows.data_ptr() == part.data_ptr()) == kept
        assert rows.storage_offset() + rows.shape[0] * step <= rows.untyped_storage().nbytes() // 4


def test_the_features_of_an_arm_processor_are_read(monkeypatch):
    """Linux calls them otherwise there."""
    cpuinfo = "processor\t: 0\nFeatures\t: fp asimd bf16\nCPU part\t: 0xd4f\n"
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine.Path, "read_text", lambda *_, **__: cpuinfo)
    assert machine.cpu_flags.__wrapped__() >= {"asimd", "bf16"}


def test_windows_is_refused_before_a_compiler_is_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(build.sys, "platform", "win32")
    with pytest.raises(build.CompileError, match="no Windows build"):
        build.compile_library("portable", tmp_path / "library")
    assert not list(tmp_path.iterdir())
