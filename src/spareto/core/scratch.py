"""Files that go with the process; a full disk or one that may not be written is an error that names it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from spareto.core.artifacts import written


@contextmanager
def scratch_room(inside: Path | None = None) -> Generator[None]:
    """Turn what the system says of temporary files into an error that names their folder.

    Args:
        inside: Where they are; None for the system's folder for temporary files, which `TMPDIR` names.

    Raises:
        StoreError: Instead of an `OSError`.
    """
    with written(inside or Path(tempfile.tempdir or os.environ.get("TMPDIR") or "/tmp")):
        yield


def scratch_folder(inside: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed at the end of its `with` block.

    Raises:
        StoreError: It cannot be made.
    """
    with scratch_room(inside):
        return tempfile.TemporaryDirectory(dir=inside)


def scratch_file(inside: Path | None = None, size: int = 0) -> IO[bytes]:
    """A file without a name, which goes with the last process that has it open.

    Args:
        inside: As for `scratch_room`.
        size: Bytes that are reserved in it, so that a mapping of them never meets a full disk.

    Raises:
        StoreError: It cannot be made. What is written to it stands in a `scratch_room` of its own.
    """
    with scratch_room(inside), ExitStack() as until_whole:
        file = until_whole.enter_context(tempfile.TemporaryFile(dir=inside))
        reserve(file.fileno(), size)
        until_whole.pop_all()
        return file


def reserve(handle: int, size: int) -> None:
    """Take so many bytes of the disk for a file, where the system can.

    Raises:
        OSError: There are not so many.
    """
    if size and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
