"""Atomic writes: after a crash a file is the old one or the new one, whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import Problem, StoreError
from spareto.core.locks import same_file, try_lock

TEMPORARY: Final = ".spareto-tmp-"
"""How the names of files under way begin."""

PACKAGE_MAGIC: Final = b"\x89SPARE\r\n"
"""How a package of integers begins."""

_FULL = "Make room on its disk; the same command then carries on."
_RIGHT = "Give yourself the right to write there, or choose another place."
_NO_FOLDER = "Check the path: a part of it is no folder."
_CURES: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _RIGHT,
    errno.EPERM: _RIGHT,
    errno.EROFS: _RIGHT,
    errno.ENOENT: "Check that its folder is still there.",
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,  # of a folder that is to be made
    errno.EISDIR: "Check the path: it is a folder.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}
_swept: set[Path] = set()


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends without an error.

    The content is flushed to disk before the rename, and the rename behind it, so a crash leaves the old file
    or the new one. What killed processes left under way in that folder is removed first.

    Raises:
        StoreError: It cannot be written; says where and why.
    """
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent not in _swept:
            sweep(path.parent)
            _swept.add(path.parent)
        temporary, handle = _begun(path)
        try:
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
            settle(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        finally:
            if handle is not None:
                os.close(handle)


def there(path: Path) -> bool:
    """Whether a path is a file; one that no file system could hold, or that nobody may look at, is none."""
    return _without_fail(path.is_file)


def folder_there(path: Path) -> bool:
    """Whether a path is a folder; see `there`."""
    return _without_fail(path.is_dir)


def anything_there(path: Path) -> bool:
    """Whether a path is a file, a folder or anything else; see `there`."""
    return _without_fail(path.exists)


def stamp_of(path: Path) -> tuple[str, int, int]:
    """What tells a file from an older one of the same name: place, bytes, time of the last change in ns."""
    try:
        found = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path.resolve()), found.st_size, found.st_mtime_ns


def _without_fail(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except (OSError, ValueError):
        return False


@contextmanager
def written(path: Path) -> Generator[None]:
    """Turn what the system says of a file that cannot be written into an error that names it.

    Raises:
        StoreError: Instead of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        cure = _CURES.get(error.errno or 0, "Check the disk.")
        got = (error.strerror or str(error)).lower()
        raise StoreError(Problem(str(path), got, "a file that can be written", cure)) from error


def sweep(folder: Path) -> None:
    """Remove what killed processes left under way in a folder; what somebody still writes stays."""
    if sys.platform == "win32":  # an open file can be neither renamed nor removed there, so none is held
        return
    with suppress(OSError):
        for left in [Path(entry.path) for entry in os.scandir(folder) if entry.name.startswith(TEMPORARY)]:
            _remove_unheld(left)


def _remove_unheld(left: Path) -> None:
    with suppress(OSError):
        handle = os.open(left, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if try_lock(handle, left):
                left.unlink()
        finally:
            os.close(handle)


def _begun(path: Path) -> tuple[Path, int | None]:
    """A new file beside `path`, with the rights that the umask leaves, and the handle that holds it."""
    while True:
        temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(6)}{path.suffix[-20:]}")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if sys.platform == "win32":
            os.close(handle)
            return temporary, None
        if try_lock(handle, temporary) and same_file(handle, temporary):
            return temporary, handle
        os.close(handle)  # a sweeper came first


def settle(folder: Path) -> None:
    """Put a rename on disk; where folders cannot be synced, that is up to the system."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces; what fingerprints are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(value: Any, length: int = 16) -> str:
    """A short SHA-256 of a JSON-able value; equal values give equal fingerprints on every machine."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]
