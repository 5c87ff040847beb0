"""What this processor can run, and where the library for it lies.

`SPARETO_ISA` chooses the instruction set (`avx512`, `avx2` or `portable`); left alone, the fastest that works
is taken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.native import build, cached

CPU_FLAGS: Final[dict[str, frozenset[str]]] = {
    "avx512": frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    "avx2": frozenset({"avx2", "bmi1", "bmi2", "f16c", "fma"}),
    "portable": frozenset(),
}


@cache
def level() -> str:
    """Instruction set the C kernels use on this machine."""
    chosen, has = choice("SPARETO_ISA", build.levels()), cpu_flags()
    if missing := sorted(CPU_FLAGS[chosen] - has) if chosen else ():
        got = f"'{chosen}', and this processor has no {', '.join(missing)}"
        able = [name for name in build.levels() if has >= CPU_FLAGS[name]]
        raise ConfigError(Problem("SPARETO_ISA", got, one_of(able), "Leave it unset for the fastest."))
    if chosen:
        return chosen
    return next(name for name in build.levels() if has >= CPU_FLAGS[name])


def library_file(isa: str, kit: build.Kit, runtimes: Callable[[], tuple[str, ...]] = tuple) -> Path:
    """The shipped library of exactly these sources, else one compiled into the user's cache.

    Args:
        isa: Its instruction set, one of `build.levels()`.
        kit: Its sources.
        runtimes: Names OpenMP runtimes it may need, for its first, trial loading.

    Raises:
        CompileError: It cannot be compiled.
        StoreError: It cannot be kept.
        Untrusted: Another user could have written it.
    """
    name = build.file_name(isa, kit)
    shipped = kit.shipped / name
    if cached.sound(shipped):
        return shipped
    return cached.compiled(_cache() / "kernels" / name, isa, runtimes, kit)


def _cache() -> Path:
    """The user's cache folder.

    Raises:
        CompileError: There is no platformdirs, which an installed wheel does not need.
    """
    try:
        from platformdirs import user_cache_path
    except ImportError:
        raise build.CompileError("no shipped library, and no platformdirs to find a cache folder") from None
    return user_cache_path("spareto")


def choice(variable: str, allowed: tuple[str, ...]) -> str:
    """The value of an environment variable, empty if it is not set.

    Raises:
        ConfigError: It is none that is allowed.
    """
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
