"""Libraries compiled into the user's cache: damaged ones and those of other users are never loaded."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from spareto.core.artifacts import replacing, written
from spareto.core.locks import Held as Held
from spareto.core.locks import holding
from spareto.native import build

WAIT: Final = 600.0
"""Seconds to wait for another process that compiles the same library."""

_PROOF: Final = """
import ctypes, sys
for name in (*sys.argv[2:], None):
    try:
        library = ctypes.CDLL(sys.argv[1])
        break
    except OSError:
        if name is None:
            raise
    try:
        ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
    except OSError:
        pass
words, found = (ctypes.c_uint64 * 3)(1, 6, 2**64 - 1), ctypes.c_int64()
library.spareto_count(words, ctypes.byref(found), ctypes.c_int64(3), ctypes.c_int(1))
sys.exit(0 if found.value == 67 else f"it counts {found.value} spikes of 67")
"""


class Untrusted(Exception):  # noqa: N818 - reads as what it is
    """A library that another user could have written; says which file and why."""


def sound(path: Path) -> bool:
    """Whether a library is there, and is to the byte what was written down beside it."""
    try:
        expected = path.with_name(path.name + build.DIGEST).read_text(encoding="ascii").strip()
        return build.digest(path.read_bytes()) == expected
    except (OSError, ValueError):
        return False


def compiled(
    path: Path, isa: str, runtimes: Callable[[], tuple[str, ...]], kit: build.Kit | None = None
) -> Path:
    """The library at `path`, compiled first if it is missing or damaged.

    Args:
        path: A file in the user's cache.
        isa: Its instruction set.
        runtimes: Names OpenMP runtimes it may need, for its first, trial loading.
        kit: Its sources; the training kernels' if left out.

    Raises:
        CompileError: It cannot be compiled, or what was compiled does not work.
        StoreError: It cannot be written.
        Untrusted: Another user could have written it, or the folder it lies in.
    """
    if path.parent.is_dir():
        refuse_foreign(path)
    if not sound(path):
        with written(path):
            _private_folder(path.parent)
        refuse_foreign(path)
        with written(path), holding(path.with_name(f".{path.name}.lock"), seconds=WAIT):
            if not sound(path):  # else another process was faster
                _clear(path.parent)
                _compile(path, isa, runtimes(), kit)
        refuse_foreign(path)
    return path


def refuse_foreign(path: Path) -> None:
    """Refuse a library, or its folder, that somebody else owns or may write to.

    Raises:
        Untrusted: One of them; says which and why.
    """
    if sys.platform == "win32":
        return
    for place in (path.parent, path, path.with_name(path.name + build.DIGEST)):
        try:
            found = place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Untrusted(f"{place} cannot be looked at: {error.strerror}") from None
        if found.st_uid not in (os.geteuid(), 0):
            raise Untrusted(f"{place} belongs to user {found.st_uid}, not to you; remove it")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Untrusted(f"{place} can be written by other users; remove it, or call chmod go-w on it")


def _private_folder(folder: Path) -> None:
    """Make the folder, which nobody else may write to, whatever the umask says."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _clear(folder: Path) -> None:
    """Remove what killed compilations left; only under the lock."""
    for left in folder.glob(f"{build.OBJECTS}*"):
        shutil.rmtree(left, ignore_errors=True)


def _compile(path: Path, isa: str, runtimes: tuple[str, ...], kit: build.Kit | None) -> None:
    with replacing(path) as temporary:
        build.compile_library(isa, temporary, kit)
        _prove(temporary, runtimes)
        temporary.chmod(0o755)
        found = build.digest(temporary.read_bytes())
    with replacing(path.with_name(path.name + build.DIGEST)) as temporary:
        temporary.write_text(found, encoding="ascii")
        temporary.chmod(0o644)


def _prove(library: Path, runtimes: tuple[str, ...]) -> None:
    """Load it in a process of its own, which may die of it, and let it count.

    Raises:
        CompileError: It does not load, or counts wrongly.
    """
    call = (sys.executable, "-I", "-c", _PROOF, str(library), *runtimes)
    try:
        done = subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise build.CompileError(f"the compiled library could not be tried: {error}") from None
    if done.returncode != 0:
        why = build.last_line(done.stderr) if done.returncode > 0 else f"signal {-done.returncode}"
        raise build.CompileError(f"the compiled library does not work: {why}")
