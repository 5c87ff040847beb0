"""Find the compiled kernels, or compile them once, and say plainly when neither can be done.

`SPARETO_KERNELS` chooses the backend (`c`, `numba` or `torch`), `SPARETO_ISA` the instruction set
(`avx512`, `avx2` or `portable`); left alone, the fastest that works is taken.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import ConfigError, OutOfMemory, Problem, StoreError
from spareto.native import build, cached, machine
from spareto.native.machine import choice, level

BACKENDS: Final = ("c", "numba", "torch")
_TYPES: Final = {
    "p": ctypes.c_void_p,
    "q": ctypes.c_int64,
    "i": ctypes.c_int,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
}
NOT_FINITE: Final = 3
"""What a function gives that met a NaN or an infinity, which a silent input would hide."""
_NO_MEMORY, _TOO_LARGE = 1, 2
_log = logging.getLogger("spareto")


@cache
def backend() -> str:
    """Which kernels run on the CPU: `c`, `numba` or `torch`; decided once, and a fallback logged once.

    Raises:
        ConfigError: `SPARETO_KERNELS` or `SPARETO_ISA` names nothing there is.
    """
    wanted = choice("SPARETO_KERNELS", BACKENDS)
    if wanted in ("numba", "torch"):
        return wanted
    library, why = _load()
    if library is not None:
        return "c"
    instead = "numba" if find_spec("numba") else "torch"
    _log.warning(
        "spareto: the C kernels cannot be used (%s); the slower %s backend runs instead.", why, instead
    )
    return instead


@cache
def function(name: str, signature: str) -> Callable[..., Any]:
    """A function of the C library, which must be the backend.

    Args:
        name: Its name in C.
        signature: One letter an argument: `p` pointer (an integer address or None), `q` int64, `i` int,
            `f` float, `d` double.

    Returns:
        The function; it gives 0, or `NOT_FINITE`.

    Raises:
        OutOfMemory: By the function: it got no memory and has changed nothing.
        ConfigError: By the function: sizes that it cannot count.
    """
    library, why = _load()
    if library is None:
        raise RuntimeError(f"kernels.function: got no C library ({why}); expected backend() to be 'c'.")
    found = getattr(library, name)
    found.argtypes, found.restype = [_TYPES[letter] for letter in signature], ctypes.c_int
    found.errcheck = _answered
    return found


def _answered(status: int, function: Any, _: tuple[Any, ...]) -> int:
    """What `csrc/memory.h` says a function may answer, as Python says it."""
    if status == _NO_MEMORY:
        cure = "Use smaller batches, fewer timesteps or fewer threads."
        problem = Problem(f"kernel '{function.__name__}'", "no memory", "room for what it works with", cure)
        raise OutOfMemory(str(problem))
    if status == _TOO_LARGE:
        raise too_large(f"kernel '{function.__name__}'")
    return status


def too_large(where: str) -> ConfigError:
    """The error of a layer whose places cannot be counted in 32 bits."""
    rule = "at most 2,147,483,647 values an image, and 8,388,607 inputs an image row or an output"
    cure = "Use a smaller layer, or set SPARETO_KERNELS=torch."
    return ConfigError(Problem(where, "a layer too large for its kernel", rule, cure))


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    """The library, or None and the reason."""
    isa = level()
    try:
        library = _opened(library_file(isa))
    except (build.CompileError, cached.Untrusted, cached.Held, StoreError, OSError) as error:
        return None, " ".join(str(error).split())
    os.register_at_fork(after_in_child=_alone)
    return library, ""


def _alone() -> None:
    """In the child of a fork only one thread is left, and no runtime of OpenMP can start others there."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _opened(path: Path) -> ctypes.CDLL:
    """The library, whose calls into OpenMP are answered by torch's runtime, else by the system's.

    Raises:
        OSError: It does not load.
    """
    try:
        return ctypes.CDLL(str(path))  # torch, once imported, has made its runtime global
    except OSError as error:
        complaint = error
    for runtime in _openmp():
        try:
            ctypes.CDLL(runtime, ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    raise complaint


def _openmp() -> tuple[str, ...]:
    """OpenMP runtimes that may be here, torch's own first."""
    torch = find_spec("torch")
    folders = [Path(folder) for folder in (torch and torch.submodule_search_locations) or ()]
    bundled = [
        f for torch in folders for at in ("lib", "../torch.libs") for f in (torch / at).glob("libgomp*")
    ]
    return (*map(str, sorted(bundled)), "libgomp.so.1")


def library_file(isa: str) -> Path:
    """The shipped library of exactly these sources, else one compiled into the user's cache.

    Args:
        isa: Its instruction set, one of `build.levels()`.

    Raises:
        CompileError: It cannot be compiled.
        StoreError: It cannot be kept.
        Untrusted: Another user could have written it.
    """
    return machine.library_file(isa, build.KERNELS, _openmp)
