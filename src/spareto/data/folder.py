"""Where data set files lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from spareto.core.artifacts import anything_there
from spareto.core.config import Rule
from spareto.core.errors import DataError, Problem

ENVIRONMENT = "SPARETO_DATA"
DEFAULT = "../shared/data"


Root = Annotated[str | os.PathLike[str] | None, Rule("the path of a folder")]


def data_folder(root: Root) -> Path:
    """The folder of the data sets: `root`, else the variable SPARETO_DATA, else `../shared/data`."""
    return Path(root or os.environ.get(ENVIRONMENT) or DEFAULT)


def where_to_put(path: Path, origin: str) -> str:
    """The cure for a file that is missing or broken."""
    folder = f"set {ENVIRONMENT} (or the data option 'root') to the folder of {path.name}"
    return f"Get it from {origin}, and {folder}."


def require(path: Path, what: str, cure: str) -> Path:
    """Return `path` if it exists.

    Raises:
        DataError: It does not; the message ends with `cure`.
    """
    if not anything_there(path):
        raise DataError(Problem(str(path), "no such file or folder", what, cure))
    return path
