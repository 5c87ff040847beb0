"""Recordings in one folder a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from spareto.core.artifacts import folder_there
from spareto.core.errors import DataError, Problem
from spareto.data.recorded import Recording


def recordings_by_class(
    folder: Path, labels: Mapping[str, int], suffixes: Sequence[str], cure: str
) -> list[Recording]:
    """Every file with one of these endings in the folder of a class, sorted.

    Args:
        folder: Holds a folder for each class.
        labels: Class of each folder.
        suffixes: How the files end, the first that any file has.
        cure: Where to get them, for messages.

    Raises:
        DataError: A folder is missing or empty; names all.
    """
    missing = [name for name in labels if not folder_there(folder / name)]
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        got = "no such file or folder" if len(missing) == len(labels) else f"no folder {shown}"
        raise DataError(Problem(str(folder), got, f"a folder for each of {len(labels)} classes", cure))
    files = {name: _files(folder / name, suffixes) for name in labels}
    empty = [name for name, found in files.items() if not found]
    if empty:
        rule = f"files that end with {' or '.join(suffixes)}"
        raise DataError(Problem(str(folder / empty[0]), "none", rule, cure))
    return [Recording(path, label) for name, label in labels.items() for path in files[name]]


def first_folder(root: Path, names: Sequence[str], inside: str) -> Path:
    """The first of these folders below `root` that has `inside`; without any, the last of the names."""
    folders = [root / name for name in names]
    return next((folder for folder in folders if folder_there(folder / inside)), folders[-1])


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    for suffix in suffixes:
        found = sorted(path for path in folder.rglob(f"*{suffix}") if not path.name.startswith("."))
        if found:
            return found
    return []
