"""Keep freed memory in the process: training reuses the same large blocks every step."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def keep_large_blocks() -> bool:
    """Ask glibc not to give large blocks back to the kernel, which would fault every page in again.

    Process-wide, so only a program's own entry point calls it. On a 34x34 network it saves about a fifth of
    a training step.

    Returns:
        Whether the C library understood; False on systems without glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, 2**30) for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
