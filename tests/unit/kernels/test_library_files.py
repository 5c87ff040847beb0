"""Libraries in the user's cache: damaged ones are rebuilt, foreign ones refused; a bad compiler is said."""

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace

import pytest

from spareto.core.errors import ConfigError
from spareto.kernels import library
from spareto.native import build, cached, machine

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or library.backend() != "c", reason="the C kernels do not run here"
)
ISA = library.level()
SCRIPT = "from spareto.kernels import backend; import torch; print(backend())"
COUNT = """
#include <stdint.h>
__attribute__((visibility("default")))
int spareto_count(const uint64_t *bits, int64_t *count, int64_t words, int threads) {
    *count = 0;
    for (int64_t i = 0; i < words; i++) *count += __builtin_popcountll(bits[i]);
    return 0;
}
"""


@pytest.fixture(scope="module")
def good():
    """The library as it is compiled, and what stands beside it."""
    return library.library_file(ISA).read_bytes()


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A source that compiles at once, in place of the kernels."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "count.c").write_text(COUNT)
    monkeypatch.setattr(build, "KERNELS", replace(build.KERNELS, sources=sources))
    return tmp_path / "cache" / "kernels" / "library.so"


def put(folder, content, name=None):
    """A cached library of that content, with its hash beside it."""
    path = folder / "spareto" / "kernels" / (name or build.file_name(ISA))
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    path.write_bytes(content)
    path.with_name(path.name + build.DIGEST).write_text(build.digest(content))
    return path


def start(cache, **environment):
    """A new process that uses the kernels: its backend and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), **environment},
    )
    assert done.returncode == 0, f"{done.returncode} {done.stderr}"
    return done.stdout.strip(), done.stderr


def test_a_sound_library_is_loaded_without_a_compiler(good, tmp_path):
    put(tmp_path, good)
    assert start(tmp_path, CC="/bin/false") == ("c", "")


DAMAGE = {
    "cut off": lambda content: content[: len(content) // 2],
    "cut off by a page": lambda content: content[:-4096],
    "empty": lambda content: b"",
    "garbage": lambda content: bytes(range(256)) * 64,
    "one bit": lambda content: content[:5000] + bytes([content[5000] ^ 4]) + content[5001:],
    "longer": lambda content: content + b"\0",
    "a text": lambda content: b"Not a library at all.",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_content_is_not_sound(damage, good, tmp_path):
    path = put(tmp_path, good)
    assert cached.sound(path)
    path.write_bytes(DAMAGE[damage](good))
    assert not cached.sound(path)


def test_a_hash_that_is_lost_or_damaged_is_not_sound(good, tmp_path):
    path = put(tmp_path, good)
    beside = path.with_name(path.name + build.DIGEST)
    for content in (b"", b"0" * 64, b"\xff\xfe", build.digest(good).encode()[:-1]):
        beside.write_bytes(content)
        assert not cached.sound(path)
    beside.unlink()
    assert not cached.sound(path)


def test_a_damaged_library_is_rebuilt_by_the_next_start(small):
    for content in (b"", b"garbage"):
        small.parent.mkdir(parents=True, exist_ok=True)
        small.write_bytes(content)
        assert cached.sound(cached.compiled(small, "portable", tuple))
    before = small.stat().st_ino
    assert cached.compiled(small, "portable", tuple) == small
    assert small.stat().st_ino == before


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_start_on_a_damaged_library_ends_with_a_sound_one(damage, good, tmp_path):
    path = put(tmp_path, good)
    path.write_bytes(DAMAGE[damage](good))
    assert start(tmp_path)[0] == "c"
    assert cached.sound(path)
    assert start(tmp_path, CC="/bin/false") == ("c", "")


@pytest.mark.parametrize("foreign", [True, False])
def test_files_and_folders_others_could_write_are_refused(foreign, good, tmp_path, monkeypatch):
    path = put(tmp_path, good)
    for place in (path, path.parent, path.with_name(path.name + build.DIGEST)):
        rights = place.stat().st_mode
        if not foreign:
            for extra in (stat.S_IWGRP, stat.S_IWOTH):
                place.chmod(rights | extra)
                with pytest.raises(cached.Untrusted, match="can be written by other users"):
                    cached.compiled(path, ISA, tuple)
            place.chmod(rights)
    cached.refuse_foreign(path)
    if foreign:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 4321)
        if os.getuid() == 0:
            for place in (path.parent, path):
                os.chown(place, 1234, -1)
        with pytest.raises(cached.Untrusted, match="belongs to user"):
            cached.compiled(path, ISA, tuple)


def test_a_refused_library_is_said_in_one_line_and_the_start_goes_on(good, tmp_path):
    path = put(tmp_path, good)
    path.parent.chmod(0o777)
    backend, said = start(tmp_path)
    assert backend in ("numba", "torch")
    assert str(path.parent) in said
    assert "can be written by other users" in said
    assert said.count("\n") == 1


def test_what_is_kept_can_be_written_by_nobody_else(small):
    before = os.umask(0)
    try:
        cached.compiled(small, "portable", tuple)
    finally:
        os.umask(before)
    cached.refuse_foreign(small)


def compiler(folder, body):
    """A program that is called as a C compiler."""
    path = folder / "my compiler"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


GARBAGE = 'while [ "$1" != -o ]; do shift; done; '
BAD = {
    "garbage": (GARBAGE + 'echo rubbish > "$2"', "does not work"),
    "nothing": ("exit 0", "made no"),
    "empty": (GARBAGE + ': > "$2"', "does not work"),
    "another encoding": (r"printf 'caf\351 \377\n' >&2; exit 1", "caf"),
    "no message": ("exit 3", "no message"),
    "a terminal's codes": (r"printf '\033[31mno\007\n' >&2; exit 1", r"failed: \[31mno$"),
    "a signal": ("kill -9 $$", "failed"),
    "many lines": ("seq 100000 >&2; exit 1", "100000"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_compiler_is_said_and_leaves_nothing(kind, small, tmp_path, monkeypatch):
    body, said = BAD[kind]
    monkeypatch.setenv("CC", f"'{compiler(tmp_path, body)}' -pipe")
    with pytest.raises(build.CompileError, match=said) as caught:
        cached.compiled(small, "portable", tuple)
    assert str(caught.value).isprintable()
    assert list(small.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [("gcc 'unclosed", "no command"), ("no-such-compiler -O2", "no program"), ("/ -x", "no program")],
)
def test_a_compiler_that_is_none_is_said(command, said, small, monkeypatch):
    monkeypatch.setenv("CC", command)
    with pytest.raises(build.CompileError, match=said):
        cached.compiled(small, "portable", tuple)


def test_a_compiler_with_flags_and_blanks_in_its_name_compiles(small, tmp_path, monkeypatch):
    real = build.compiler()
    own = compiler(tmp_path, f'exec {" ".join(real)} "$@"')
    monkeypatch.setenv("CC", f"'{own}' -g0 -DNAME='two words'")
    assert cached.sound(cached.compiled(small, "portable", tuple))


def test_a_library_that_kills_its_process_is_not_kept(small, monkeypatch):
    (build.KERNELS.sources / "count.c").write_text(
        "#include <stdlib.h>\n__attribute__((constructor)) static void go(void) { abort(); }\n" + COUNT
    )
    with pytest.raises(build.CompileError, match="signal 6"):
        cached.compiled(small, "portable", tuple)
    assert list(small.parent.iterdir()) == []


def test_a_library_that_counts_wrongly_is_not_kept(small):
    (build.KERNELS.sources / "count.c").write_text(COUNT.replace("*count = 0", "*count = 1"))
    with pytest.raises(build.CompileError, match="it counts 68"):
        cached.compiled(small, "portable", tuple)


def test_processes_that_compile_at_once_end_with_one_library(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "count.c").write_text(COUNT)
    script = (
        "import sys; from pathlib import Path; from spareto.native import build, cached;"
        "from dataclasses import replace;"
        "build.KERNELS = replace(build.KERNELS, sources=Path(sys.argv[1]));"
        "print(cached.sound(cached.compiled(Path(sys.argv[2]), 'portable', tuple)))"
    )
    target = tmp_path / "cache" / "kernels" / "library.so"
    many = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(sources), str(target)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert [process.communicate()[0].strip() for process in many] == ["True"] * 4
    assert sorted(p.name for p in target.parent.iterdir()) == ["library.so", "library.so.sha256"]


def test_a_killed_compilation_leaves_nothing_behind_the_next(small, tmp_path):
    small.parent.mkdir(parents=True)
    left = small.parent / f"{build.OBJECTS}abc"
    left.mkdir()
    (left / "half.o").write_bytes(b"half")
    (small.parent / f".{small.name}.lock").write_text('{"process": 1}')
    cached.compiled(small, "portable", tuple)
    assert sorted(p.name for p in small.parent.iterdir()) == ["library.so", "library.so.sha256"]


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere")
def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    """A file where the folder should be: also root cannot write there."""
    (tmp_path / "spareto").write_text("in the way")
    backend, said = start(tmp_path)
    assert backend in ("numba", "torch")
    assert str(tmp_path / "spareto") in said


@pytest.mark.parametrize("level", [level for level in build.levels() if machine.CPU_FLAGS[level]])
def test_an_instruction_set_the_processor_has_not_is_refused_by_name(level, monkeypatch):
    monkeypatch.setenv("SPARETO_ISA", level)
    for has in (frozenset(), machine.CPU_FLAGS[level] - {sorted(machine.CPU_FLAGS[level])[0]}):
        monkeypatch.setattr(machine, "cpu_flags", lambda has=has: has)
        with pytest.raises(ConfigError, match=f"SPARETO_ISA: got '{level}', and this processor has no"):
            machine.level.__wrapped__()


def test_instruction_sets_it_has_are_taken(monkeypatch):
    for level in build.levels():
        monkeypatch.setenv("SPARETO_ISA", level)
        monkeypatch.setattr(machine, "cpu_flags", lambda level=level: machine.CPU_FLAGS[level])
        assert machine.level.__wrapped__() == level


FORKED = """
import os, sys, time, torch
from spareto import kernels
from spareto.neurons import registry
torch.set_num_threads(2)
neuron = registry.make("lif")
x = torch.randn(20, 40000)
before = neuron(x)
y = torch.randn(600, 600) @ torch.randn(600, 600)
child = os.fork()
if child == 0:
    x.requires_grad_()
    after = neuron(x)
    after.sum().backward()
    os._exit(0 if torch.equal(before, after) and torch.get_num_threads() == 1 else 3)
for _ in range(600):
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.1)
os.kill(child, 9)
sys.exit("the child hangs")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_kernels_run_in_the_child_of_a_fork():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stderr
