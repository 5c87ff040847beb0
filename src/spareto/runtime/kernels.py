"""The C functions of the engine, chosen at load as the training kernels are; without them numpy runs.

`SPARETO_RUNTIME` chooses (`c` or `numpy`), `SPARETO_ISA` the instruction set; left alone, C runs where it
can.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from spareto.core.errors import OutOfMemory, Problem, SparetoError
from spareto.native.loading import numpy_is_asked_for, runtime_library

_log = logging.getLogger("spareto")


@cache
def engine() -> str:
    """What runs integer networks here: `c` or `numpy`; decided once, and a fallback logged once.

    Raises:
        ConfigError: `SPARETO_RUNTIME` or `SPARETO_ISA` names nothing there is.
    """
    if numpy_is_asked_for():
        return "numpy"
    library, why = runtime_library()
    if library is not None:
        return "c"
    _log.warning("spareto: the C engine cannot be used (%s); the slower numpy engine runs instead.", why)
    return "numpy"


@cache
def function(name: str, arguments: str) -> Callable[..., Any]:
    """A function of the C library.

    Args:
        name: Its name in C.
        arguments: One letter each: `p` pointer, `q` 64-bit integer.
    """
    library, why = runtime_library()
    if library is None:
        raise SparetoError(f"The C engine cannot be used: {why}.")
    found = getattr(library, name)
    types = {"p": ctypes.c_void_p, "q": ctypes.c_int64}
    found.argtypes, found.restype = [types[letter] for letter in arguments], ctypes.c_int
    found.errcheck = _answered
    return found


def _answered(status: int, function: Any, _: tuple[Any, ...]) -> int:
    if status == 1:
        rule, cure = "room for what it works with", "Push fewer timesteps at a time."
        raise OutOfMemory(str(Problem(f"engine '{function.__name__}'", "no memory", rule, cure)))
    if status == 2:
        raise SparetoError(f"engine '{function.__name__}': got a layer too large to be counted in 32 bits.")
    return status


@cache
def vector_bytes() -> int:
    """Bytes of a vector of this processor; packed weights are aligned to it."""
    library, _ = runtime_library()
    return 64 if library is None else int(library.spareto_vector())


@cache
def expands() -> bool:
    """Whether this processor lays live bytes into their lanes by one instruction."""
    library, _ = runtime_library()
    return library is not None and bool(library.spareto_expands())
