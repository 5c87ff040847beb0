"""One writer at a time: locks that the operating system drops when their holder ends, however it ends."""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

BUSY: Final = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
PAUSE: Final = 0.2
"""Seconds between two looks at a lock that is held."""

_log = logging.getLogger("spareto")


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as it wrote itself down; 0 and empty where it did not get that far."""

    process: int
    host: str
    since: str

    def __str__(self) -> str:
        if not self.process:
            return "another process"
        return f"process {self.process} on {self.host}, since {self.since}"


class Held(Exception):  # noqa: N818 - reads as what it is: `except Held`
    """Somebody else holds the lock."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        super().__init__(str(holder))


@contextmanager
def holding(
    path: Path, *, seconds: float = 0.0, on_wait: Callable[[Holder], None] | None = None
) -> Generator[None]:
    """Hold the lock whose file is `path` inside the block; the file is gone behind it.

    Where the file system knows no locks, nothing is held and the log says so.

    Args:
        path: A file in a folder that is there.
        seconds: How long to wait for another holder; `inf` for ever.
        on_wait: Told once who is waited for.

    Raises:
        Held: Another process, or another place in this one, holds it.
        OSError: The file cannot be written.
    """
    handle = _taken(path, time.monotonic() + seconds, on_wait)
    try:
        yield
    finally:
        with suppress(OSError):  # first the file, then the lock: nobody takes one that goes
            path.unlink()
        os.close(handle)


def _taken(path: Path, until: float, on_wait: Callable[[Holder], None] | None) -> int:
    told = on_wait is None
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if try_lock(handle, path) and same_file(handle, path):
            _sign(handle)
            return handle
        holder = _holder(handle)
        os.close(handle)
        if time.monotonic() >= until:
            if path.exists():  # else it was let go between two looks
                raise Held(holder)
            continue
        if on_wait is not None and not told:
            on_wait(holder)
            told = True
        time.sleep(PAUSE)


def try_lock(handle: int, path: Path) -> bool:
    """Lock an open file, unless somebody else has; true, with a word, where there are no locks.

    Args:
        handle: The open file.
        path: Its name, for the log.
    """
    try:
        if sys.platform == "win32":
            os.lseek(handle, 1 << 30, os.SEEK_SET)  # beyond the text, which stays readable
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in BUSY:
            return False
        _log.warning("spareto: %s cannot be locked (%s); start no second writer there.", path, error.strerror)
    return True


def same_file(handle: int, path: Path) -> bool:
    """Whether the open file is still the one of that name: its holder may have removed it meanwhile."""
    try:
        there = path.stat()
    except OSError:
        return False
    return os.path.samestat(os.fstat(handle), there)


def _sign(handle: int) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    text = json.dumps({"process": os.getpid(), "host": platform.node(), "since": now})
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, text.encode())


def _holder(handle: int) -> Holder:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found: Any = json.loads(os.read(handle, 4096))
        fields = cast(dict[str, Any], found)
        return Holder(int(fields["process"]), str(fields["host"]), str(fields["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(0, "", "")
