"""How much memory the machine has, so that what cannot fit is refused before it is asked for."""

from __future__ import annotations

import os
import sys

from spareto.core.errors import OutOfMemory, Problem
from spareto.core.text import shown

if sys.platform != "win32":
    import resource


def of_machine() -> int | None:
    """Bytes of memory that this process may have at most; None where the system does not say."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # no such call, or no such names
        return None
    if sys.platform == "win32":
        return whole
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return whole if limit == resource.RLIM_INFINITY else min(whole, limit)


def require(count: int, where: str, what: str, cure: str) -> None:
    """Refuse what takes more memory than the machine has.

    Systems lend memory that they do not have, and end the process that uses it.

    Args:
        count: Bytes it takes at least.
        where: The place in the input that asks for it.
        what: What takes it: `a network of 3 weights`.
        cure: What to do about it.

    Raises:
        OutOfMemory: It is more than there is.
    """
    there = of_machine()
    if there is not None and count > there:
        rule = f"one that fits into the {there >> 30} GiB that there are"
        raise OutOfMemory(str(Problem(where, f"{what}, {shown(count >> 30)} GiB", rule, cure)))
