"""The library that needs no torch: the integer engine, and the decoders of event cameras."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

from spareto.core.errors import StoreError
from spareto.native import build, cached, machine

ENGINES: Final = ("c", "numpy")


def numpy_is_asked_for() -> bool:
    """Whether `SPARETO_RUNTIME` is `numpy`.

    Raises:
        ConfigError: It is neither `c` nor `numpy`.
    """
    return machine.choice("SPARETO_RUNTIME", ENGINES) == "numpy"


@cache
def runtime_library() -> tuple[ctypes.CDLL | None, str]:
    """The library, or None and the reason."""
    try:
        return ctypes.CDLL(str(machine.library_file(machine.level(), build.RUNTIME))), ""
    except (build.CompileError, cached.Untrusted, cached.Held, StoreError, OSError) as error:
        return None, " ".join(str(error).split())
