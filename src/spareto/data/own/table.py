"""A table of labels: `file,label` or `file,label,split`, one sample per line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spareto.core.errors import DataError, Problem
from spareto.data.own.saying import several

FILES = ("file", "filename", "path", "name", "sample", "recording", "id")
LABELS = ("label", "class", "target", "y")
SPLITS = ("split", "set", "subset", "partition")


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Args:
        where: The table and the line.
        file: The sample's file.
        label: As it is written.
        split: As it is written; empty where the table has no such column.
    """

    where: str
    file: Path
    label: str
    split: str


def read_table(path: Path, samples: Sequence[Path]) -> list[Row]:
    """The lines of a table, each with the file it means.

    Args:
        path: A text of columns apart by commas, semicolons or tabs; Excel's is fine. Its first line names
            the columns, unless it names a file already.
        samples: The files there are.

    Raises:
        DataError: It is no text, has no such columns, names a file that is not there, or one twice.
    """
    lines = _lines(path)
    head = [cell.strip().lower() for cell in lines[0][1]] if lines else []
    columns = [
        next((head.index(name) for name in names if name in head), None) for names in (FILES, LABELS, SPLITS)
    ]
    known = _by_key(samples, path.parent)
    file, label, split = columns
    if file is None and label is None and lines and _key(lines[0][1][0]) in known:
        file, label, split = 0, 1, 2 if len(head) > 2 else None
    elif file is None or label is None:
        got, rule = (
            f"columns {', '.join(head) or 'none'}",
            "columns file and label, and split if there are splits",
        )
        raise DataError(Problem(str(path), got, rule, "Let the first line be: file,label"))
    else:
        lines = lines[1:]
    rows, faults = [], []
    for number, cells in lines:
        row, fault = _row(f"{path}, line {number}", cells, (file, label, split), known)
        rows += [row] if row else []
        faults += [fault] if fault else []
    faults += _twice(rows)
    if faults:
        raise DataError(several(faults))
    return rows


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        cure = "Save it as CSV with UTF-8."
        raise DataError(
            Problem(str(path), "a file that is no UTF-8 text", "a table of labels", cure)
        ) from None
    first = text.partition("\n")[0]
    apart = max(",;\t", key=first.count)
    found = csv.reader(text.splitlines(), delimiter=apart)
    return [(number, cells) for number, cells in enumerate(found, start=1) if any(c.strip() for c in cells)]


def _row(
    where: str, cells: Sequence[str], columns: tuple[int, int, int | None], known: dict[str, Path]
) -> tuple[Row | None, Problem | None]:
    file, label, split = columns
    last = max(column for column in columns if column is not None)
    if len(cells) <= last or not cells[label].strip():
        return None, Problem(where, f"{len(cells)} cells", "a file and its label", "Complete the line.")
    found = known.get(_key(cells[file]))
    if found is None:
        cure = "Put the file there, or delete the line."
        return None, Problem(where, repr(cells[file].strip()), "a recording or an array of the folder", cure)
    return Row(
        where, found, cells[label].strip(), "" if split is None else cells[split].strip().lower()
    ), None


def _twice(rows: Sequence[Row]) -> list[Problem]:
    seen: dict[Path, Row] = {}
    faults: list[Problem] = []
    for row in rows:
        if row.file in seen:
            before = seen[row.file].where.rpartition(", ")[2]
            faults.append(
                Problem(row.where, f"{row.file.name} again", f"each file once ({before})", "Delete one.")
            )
        seen.setdefault(row.file, row)
    return faults


def _by_key(samples: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Files by the ways a table may name them: path or bare name, with and without suffix, where unique."""
    ways: dict[str, set[Path]] = {}
    for sample in samples:
        relative = sample.relative_to(folder) if sample.is_relative_to(folder) else sample
        for path in (relative, Path(relative.name)):
            for key in (path.as_posix(), path.with_suffix("").as_posix()):
                ways.setdefault(key, set()).add(sample)
    return {key: next(iter(found)) for key, found in ways.items() if len(found) == 1}


def _key(text: str) -> str:
    return Path(text.strip().replace("\\", "/")).as_posix()
