"""Files that go with the process; a full disk or one that may not be written is an error that names it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
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


def scratch_file() -> IO[bytes]:
    """A file without a name, which goes with the last process that has it open.

    Raises:
        StoreError: It cannot be made. What is written to it stands in a `scratch_room` of its own.
    """
    with scratch_room():
        return tempfile.TemporaryFile()
