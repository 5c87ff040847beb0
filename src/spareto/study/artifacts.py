"""Files of trials, named by their content: a trial never points at one that is half-written or another's.

They lie in the run folder, and where a study names a URL, also there: on anything that fsspec knows. The run
folder then holds what this machine has made or asked for.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from spareto.core.artifacts import replacing, settle, there, written
from spareto.core.errors import ConfigError, Problem, StoreError

PENDING: Final = "pending-"
"""How the names of files begin that are not yet known by their content."""


def kept(
    folder: Path, suffix: str, name: Callable[[str], str], write: Callable[[Path], None]
) -> tuple[Path, str]:
    """Write a file and name it by its content.

    Args:
        folder: Where it goes.
        suffix: `.json`.
        name: Its name by its SHA-256.
        write: Writes it to a path.

    Returns:
        Its path and its SHA-256. What is there already is of the same content and stays.

    Raises:
        StoreError: It cannot be written.
    """
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        pending = folder / f"{PENDING}{secrets.token_hex(6)}{suffix}"
        try:
            write(pending)
            digest = sha256_of(pending)
            path = folder / name(digest)
            pending.replace(path)
            settle(folder)
        finally:
            pending.unlink(missing_ok=True)
    return path, digest


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class RemoteFolder:
    """A folder that fsspec knows: `s3://bucket/folder`, `gs://...`, `sftp://...`, `file:///...`.

    Args:
        url: The folder.

    Raises:
        ConfigError: fsspec knows no such kind of URL, or lacks a package for it.
    """

    def __init__(self, url: str) -> None:
        import fsspec  # comes with torch; takes time to import

        self.url = url.rstrip("/")
        try:
            self._system, self._root = fsspec.core.url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            cure = "Name a folder, or install what its kind of URL needs."
            raise ConfigError(Problem("artifacts", url, f"a URL that fsspec knows ({error})", cure)) from None

    def has(self, name: str) -> bool:
        """Whether a file is there, whole."""
        with self._reported(name):
            return bool(self._system.exists(f"{self._root}/{name}"))

    def push(self, path: Path, name: str) -> None:
        """Copy a file there; a name of its content that is there already is of the same content."""
        if self.has(name):
            return
        target = f"{self._root}/{name}"
        begun = f"{target}.{secrets.token_hex(4)}.part"
        with self._reported(name):
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._system.put_file(str(path), begun)
            self._system.mv(begun, target)

    def pull(self, name: str, path: Path, digest: str | None = None) -> None:
        """Bring a file here; `digest` is its SHA-256, if it has to have one.

        Raises:
            StoreError: It is not there, or of another content.
        """
        with replacing(path) as temporary:
            with self._reported(name):
                self._system.get_file(f"{self._root}/{name}", str(temporary))
            if digest is not None and sha256_of(temporary) != digest:
                got, cure = "another content than its trial names", "Restore the file from a backup."
                raise StoreError(Problem(f"{self.url}/{name}", got, "the file as it was written", cure))

    def names(self) -> dict[str, int]:
        """Every file by its name, with its size in bytes."""
        with self._reported(""):
            found: dict[str, Any] = (
                self._system.find(self._root, detail=True) if self._system.exists(self._root) else {}
            )
        return {path[len(self._root) :].lstrip("/"): int(facts["size"] or 0) for path, facts in found.items()}

    def remove(self, name: str) -> None:
        """Remove a file."""
        with self._reported(name):
            self._system.rm_file(f"{self._root}/{name}")

    @contextmanager
    def _reported(self, name: str) -> Generator[None]:
        try:
            yield
        except StoreError:
            raise
        except Exception as error:  # every kind of storage raises its own
            got = (str(error).splitlines() or [type(error).__name__])[0][:200]
            cure = "Check the URL, your rights there, and the network."
            raise StoreError(Problem(f"{self.url}/{name}", got, "a folder that can be used", cure)) from error


def fetched(path: Path, name: str, digest: str, remote: RemoteFolder | None) -> Path:
    """A path, with the file there if it can be had."""
    if remote is not None and digest and not there(path):
        remote.pull(name, path, digest)
    return path
