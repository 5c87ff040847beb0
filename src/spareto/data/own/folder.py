"""A folder of recordings or frames, labelled by a table, by one folder per class, or in the files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spareto.core.artifacts import folder_there, stamp_of, there
from spareto.core.errors import DataError, Problem
from spareto.data.own.arrays import Array, as_labels
from spareto.data.own.events import Events
from spareto.data.own.filed import IN_FILES, FiledEvents
from spareto.data.own.files import ARRAYS, SUFFIXES, Listing, list_files, read_arrays, read_large, read_sample
from spareto.data.own.items import stack
from spareto.data.own.returned import TITLES, Part, splits_of
from spareto.data.own.saying import names, several
from spareto.data.own.splits import Split
from spareto.data.own.table import Row, read_table
from spareto.records.data import FolderData

SPLITS: dict[str, Part] = {"train": "train", "training": "train", "test": "test", "testing": "test"}
VALIDATION = ("val", "valid", "validation", "dev")
TWICE = "Test on other samples than those of training."
HELD_OUT = "Put them into train: training.validation_share holds samples of it out."
HOW = (
    "Put the files into one folder a class, or add a table labels.csv with columns file,label;"
    " splits are folders train and test, a column split, or data.test_share."
)


@dataclass(frozen=True)
class _Labelled:
    """A file, its label as it is written, and the split it is in."""

    file: Path
    label: str
    part: Part
    where: str


def splits_of_folder(plan: FolderData) -> tuple[dict[Part, Split], tuple[str, ...]]:
    """The splits of a folder, or of one file of arrays, and sentences on what was left out.

    Raises:
        DataError: A file is empty, damaged or of another kind; labels are missing; or nothing is there.
    """
    folder = Path(plan.folder).expanduser()
    if there(folder) and folder.suffix.lower() in ARRAYS:
        return splits_of(read_large(folder), str(folder)), ()
    if not folder_there(folder):
        got = "a file of another kind" if there(folder) else "no such folder"
        raise DataError(Problem(str(folder), got, "a folder of recordings or arrays", "Check the path."))
    listing = list_files(folder)
    if not listing.samples:
        kinds = names(sorted({path.suffix or path.name for path in listing.other})) or "nothing"
        cure = "Save recordings with np.savez(path, x=..., y=..., p=..., t=...)."
        raise DataError(Problem(str(folder), kinds, f"files that end with {' or '.join(SUFFIXES)}", cure))
    whole = {path.stem.lower(): path for path in listing.samples if path.parent == folder and _is_array(path)}
    if set(whole) == {"train", "test"} and len(listing.samples) == 2:
        arrays = {part: read_large(path) for part, path in whole.items()}
        return splits_of(arrays, str(folder)), _left_out(folder, listing, ())
    found, tables = _labelled(folder, listing, plan)
    _refuse_negative(found)
    parts: dict[Part, list[_Labelled]] = {}
    for each in found:
        parts.setdefault(each.part, []).append(each)
    _refuse_between(folder, parts)
    classes, said = _classes([each.label for each in found], plan.classes)
    splits = {part: _split(part, some, classes) for part, some in parts.items()}
    unlabelled = [path for path in listing.samples if path not in {each.file for each in found}]
    return splits, (*said, *_left_out(folder, listing, unlabelled, tables))


def _labelled(folder: Path, listing: Listing, plan: FolderData) -> tuple[list[_Labelled], tuple[Path, ...]]:
    """Every sample with its label, from tables if there are any; and those tables."""
    tables = _tables(folder, listing, plan)
    if tables:
        rows = [(row, _stem_part(table)) for table in tables for row in read_table(table, listing.samples)]
        return [_of_row(row, folder, part) for row, part in rows], tables
    found: list[_Labelled] = []
    faults: list[Problem] = []
    for path in listing.samples:
        part, rest = _part_of(path.relative_to(folder).parts)
        if len(rest) == 2:
            found.append(_Labelled(path, rest[0], part, str(path)))
        else:
            got = "no folder of a class" if len(rest) == 1 else f"folders {'/'.join(rest[:-1])}"
            faults.append(Problem(str(path), got, "a label", HOW))
    if faults and not found:
        inside = [_of_file(path, folder) for path in listing.samples]
        if all(each is not None for each in inside):
            return [each for each in inside if each is not None], ()
    if faults:
        raise DataError(several(faults))
    return found, ()


def _tables(folder: Path, listing: Listing, plan: FolderData) -> tuple[Path, ...]:
    """The table that is named, the only one there is, or one a split."""
    if plan.labels is not None:
        path = folder / plan.labels
        if not there(path):
            cure = f"The folder has {names(p.name for p in listing.tables) or 'no CSV file'}."
            raise DataError(Problem(str(path), "no such file", "a table of labels", cure))
        return (path,)
    if len(listing.tables) > 1 and not all(_stem_part(path) for path in listing.tables):
        cure = "Name it: data.labels: FILE.csv."
        if any(set(_words(path)) & set(VALIDATION) for path in listing.tables):
            cure = HELD_OUT
        shown = names(str(path.relative_to(folder)) for path in listing.tables)
        raise DataError(Problem(str(folder), f"several tables: {shown}", "one table of labels", cure))
    return listing.tables


def _stem_part(table: Path) -> Part | None:
    """The split that a table called `train.csv` or `test_labels.csv` is for."""
    return next((SPLITS[word] for word in _words(table) if word in SPLITS), None)


def _words(table: Path) -> list[str]:
    return table.stem.lower().replace("-", "_").split("_")


def _of_row(row: Row, folder: Path, table_part: Part | None) -> _Labelled:
    part = table_part or _part_of(row.file.relative_to(folder).parts)[0]
    if row.split:
        if row.split not in SPLITS:
            cure = "Write train or test; data.test_share holds samples out where there is no split."
            cure = HELD_OUT.replace("Put them into", "Write") if row.split in VALIDATION else cure
            raise DataError(Problem(row.where, repr(row.split), "train or test", cure))
        part = SPLITS[row.split]
    return _Labelled(row.file, row.label, part, row.where)


def _refuse_between(folder: Path, parts: Mapping[Part, Sequence[_Labelled]]) -> None:
    """Refuse files beside the splits, and a file that is in both.

    Raises:
        DataError: There is one.
    """
    beside = parts.get("val") or (parts.get("all") if len(parts) > 1 else None)
    if beside:
        first = beside[0].file.relative_to(folder).parts[0]
        cure = HELD_OUT if first.lower() in VALIDATION else "Move them into train or test, or delete them."
        got = f"{len(beside)} files beside the splits, the first one in {first}"
        raise DataError(Problem(str(folder), got, "all files in folders train and test", cure))
    real = {os.path.realpath(each.file): each for each in parts.get("train", ())}
    twice = [each for each in parts.get("test", ()) if os.path.realpath(each.file) in real]
    faults = [
        Problem(each.where, f"{real[os.path.realpath(each.file)].file} by a link", "a file of its own", TWICE)
        for each in twice
    ]
    if faults:
        raise DataError(several(faults))


def _part_of(parts: Sequence[str]) -> tuple[Part, Sequence[str]]:
    part = SPLITS.get(parts[0].lower()) if len(parts) > 1 else None
    if len(parts) == 3 and parts[0].lower() in VALIDATION:
        part = "val"
    return ("all", parts) if part is None else (part, parts[1:])


def _of_file(path: Path, folder: Path) -> _Labelled | None:
    """The label an archive holds itself, under `label`."""
    if not _is_array(path):
        return None
    arrays = read_arrays(path)
    if not isinstance(arrays, dict) or np.size(arrays.get("label", ())) != 1:
        return None
    part, _ = _part_of(path.relative_to(folder).parts)
    return _Labelled(path, str(np.reshape(arrays["label"], -1)[0]), part, str(path))


def _classes(labels: Iterable[str], asked: int | None) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Which number each label is: numbers from 0 are themselves, other labels go by their order."""
    distinct = set(labels)
    if all(_is_whole(label) for label in distinct):
        numbers = {label: int(float(label)) for label in distinct}
        low, high = min(numbers.values()), max(numbers.values())
        if low >= 0 and (asked is not None or low == 0):
            return numbers, ()
        ordered = sorted(distinct, key=lambda label: numbers[label])
        return dict(zip(ordered, range(len(ordered)), strict=True)), (
            f"Labels {low} to {high} are classes 0 to {len(ordered) - 1}.",
        )
    ordered = sorted(distinct)
    told = names((f"{place} {label}" for place, label in enumerate(ordered)), 10)
    return {label: place for place, label in enumerate(ordered)}, (f"Classes: {told}.",)


def _refuse_negative(found: Iterable[_Labelled]) -> None:
    cure = "Leave out what has no class; number classes from 0."
    faults = [
        Problem(f"{each.where}: label", each.label, "a class number from 0, or a name", cure)
        for each in found
        if _is_whole(each.label) and float(each.label) < 0
    ]
    if faults:
        raise DataError(several(faults))


def _is_array(path: Path) -> bool:
    return path.suffix.lower() in ARRAYS


def _is_whole(label: str) -> bool:
    try:
        return float(label) == int(float(label))
    except (ValueError, OverflowError):
        return False


def _split(part: Part, found: Sequence[_Labelled], classes: Mapping[str, int]) -> Split:
    read = _read_all(found)
    recordings = [sample for _, sample in read if isinstance(sample, Events | FiledEvents)]
    samples: Any = recordings
    if not recordings:
        frames = (_frames_of(each) for _, each in read)
        samples = stack(next(frames), frames, len(read), TITLES[part], [str(each.file) for each, _ in read])
    elif len(recordings) < len(read):
        other = next(each for each, sample in read if not isinstance(sample, Events | FiledEvents))
        cure = "Keep events and frames in folders of their own."
        raise DataError(Problem(str(other.file), "frames among events", "events as in the other files", cure))
    labels = as_labels([classes[each.label] for each in found], f"{TITLES[part]}: labels")
    return Split(TITLES[part], samples, labels, sample_first=True, places=[each.where for each in found])


def _read_all(found: Sequence[_Labelled]) -> list[tuple[_Labelled, Events | FiledEvents | Array | Path]]:
    """Every sample; the faults of all files together, so that they are mended in one go.

    Recordings and frames of large folders stay in their files; of frames, the path is given.
    """
    read: list[tuple[_Labelled, Events | FiledEvents | Array | Path]] = []
    faults: list[Problem] = []
    large = sum(stamp_of(each.file)[1] for each in found) > IN_FILES
    for each in found:
        try:
            sample = read_sample(each.file)
            if large and isinstance(sample, Events):
                read.append((each, FiledEvents.of(each.file, sample, _events_in)))
            else:
                read.append((each, each.file if large else sample))
        except DataError as error:
            faults += error.problems
    if faults:
        raise DataError(several(faults))
    return read


def _events_in(path: Path) -> Events:
    """The events of a file that was read before."""
    sample = read_sample(path)
    assert isinstance(sample, Events)
    return sample


def _frames_of(sample: Events | FiledEvents | Array | Path) -> Array:
    """The frames of a sample, read anew if they stayed in their file."""
    found = read_sample(sample) if isinstance(sample, Path) else sample
    if not isinstance(found, np.ndarray):
        cure = "Leave the files as they are, then start again."
        raise DataError(Problem(str(sample), "a file that has changed", "the file that was checked", cure))
    return found


def _left_out(
    folder: Path, listing: Listing, unlabelled: Sequence[Path], read: Sequence[Path] = ()
) -> tuple[str, ...]:
    """What of the folder was not read, one sentence per kind."""
    tables = [path for path in listing.tables if path not in read]
    kinds = {
        "left by an operating system": listing.system,
        "of other kinds": (*listing.other, *tables),
        "without a line in the table": unlabelled,
    }
    total = sum(map(len, (listing.samples, listing.system, listing.other, tables)))
    return tuple(
        f"{len(paths)} of {total} files {why} are left out"
        f" ({names(str(path.relative_to(folder)) for path in paths)})."
        for why, paths in kinds.items()
        if paths
    )
