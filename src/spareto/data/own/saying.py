"""How findings about many files are told in few lines."""

from __future__ import annotations

from collections.abc import Iterable

from spareto.core.errors import Problem

SHOWN = 3


def several(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The first few problems; the last of them says how many more there are of files like it."""
    found = tuple(problems)
    if len(found) <= SHOWN:
        return found
    last = found[SHOWN - 1]
    more = f"{last.cure} {len(found) - SHOWN} more like it.".strip()
    return (*found[: SHOWN - 1], Problem(last.where, last.got, last.rule, more))


def names(some: Iterable[str], shown: int = 3) -> str:
    """Some names and how many more: `a.npz, b.npz, c.npz and 4 more`."""
    listed = list(some)
    more = f" and {len(listed) - shown} more" if len(listed) > shown else ""
    return ", ".join(listed[:shown]) + more


def share(part: int, whole: int) -> str:
    """A share with enough digits to be seen: `0.02 %`.

    >>> share(1, 4)
    '25.00 %'
    """
    percent = 100 * part / whole
    return f"{percent:.2f} %" if percent >= 0.01 or part == 0 else f"{percent:.1g} %"
