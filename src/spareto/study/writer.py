"""One writer per run folder: a second one is refused with the name of the first."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spareto.core.artifacts import sweep, written
from spareto.core.errors import Problem, StoreError
from spareto.core.locks import Held, Holder, holding
from spareto.study.artifacts import PENDING

LOCK: Final = ".spareto-lock"
"""File in a run folder that names the process which writes there; gone when it ends."""


@contextmanager
def only_writer(
    folder: Path, *, wait: bool = False, on_wait: Callable[[Holder], None] | None = None
) -> Generator[None]:
    """Be the only one to write into a run folder inside the block; what killed runs left there is cleared.

    Args:
        folder: The run folder; made if it is not there.
        wait: Wait for another writer to end, instead of refusing.
        on_wait: Told once who is waited for.

    Raises:
        StoreError: Somebody else writes there, or nobody can.
    """
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = holding(folder / LOCK, seconds=math.inf if wait else 0.0, on_wait=on_wait)
    try:
        with written(folder):
            lock.__enter__()
    except Held as held:
        cure = "Wait for it with --wait, stop it, or choose another folder with --out."
        got, rule = f"a folder that {held.holder} writes to", "a folder with one writer"
        raise StoreError(Problem(str(folder), got, rule, cure)) from None
    try:
        for place, _, names in os.walk(folder):
            sweep(Path(place))
            with written(Path(place)):
                for name in names:
                    if name.startswith(PENDING):
                        (Path(place) / name).unlink(missing_ok=True)
        with unmoved(folder):
            yield
    finally:
        lock.__exit__(None, None, None)


@contextmanager
def unmoved(folder: Path) -> Generator[None]:
    """Do not end well if the folder was moved or replaced inside the block: files then lie in two places.

    Raises:
        StoreError: It was.
    """
    with written(folder):
        before = folder.stat()
    yield
    with written(folder):
        after = folder.stat()
    if not os.path.samestat(before, after):
        got, cure = "another folder than before", "Move it back; the same command then carries on."
        raise StoreError(Problem(str(folder), got, "one that stays where it is", cure))
