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

from platformdirs import user_cache_path

from spareto.core.errors import ConfigError, OutOfMemory, Problem, StoreError, did_you_mean, one_of
from spareto.kernels import build, cached

BACKENDS: Final = ("c", "numba", "torch")
CPU_FLAGS: Final[dict[str, frozenset[str]]] = {
    "avx512": frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    "avx2": frozenset({"avx2", "bmi1", "bmi2", "f16c", "fma"}),
    "portable": frozenset(),
}
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
    wanted = _choice("SPARETO_KERNELS", BACKENDS)
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
def level() -> str:
    """Instruction set the C kernels use on this machine."""
    chosen, has = _choice("SPARETO_ISA", build.levels()), cpu_flags()
    if missing := sorted(CPU_FLAGS[chosen] - has) if chosen else ():
        got = f"'{chosen}', and this processor has no {', '.join(missing)}"
        able = [name for name in build.levels() if has >= CPU_FLAGS[name]]
        raise ConfigError(Problem("SPARETO_ISA", got, one_of(able), "Leave it unset for the fastest."))
    if chosen:
        return chosen
    return next(name for name in build.levels() if has >= CPU_FLAGS[name])


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
    name = build.file_name(isa)
    shipped = build.SHIPPED / name
    if cached.sound(shipped):
        return shipped
    return cached.compiled(user_cache_path("spareto") / "kernels" / name, isa, _openmp)


def _choice(variable: str, allowed: tuple[str, ...]) -> str:
    value = os.environ.get(variable, "")
    if value and value not in allowed:
        raise ConfigError(Problem(variable, repr(value), one_of(allowed), did_you_mean(value, allowed)))
    return value


@cache
def cpu_flags() -> frozenset[str]:
    """Names of the processor's features, as Linux writes them; none on other systems, which is safe."""
    if sys.platform != "linux":
        return frozenset()
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return frozenset(next((line for line in lines if line.startswith(("flags", "Features"))), "").split())
