"""Trials of several stores in one: of other folders, other machines, or a file they were exported to."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from spareto.core.artifacts import folder_there, replacing, there
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.strict import from_json
from spareto.records import Trial
from spareto.study.artifacts import sha256_of
from spareto.study.database.exports import RECORDS, read
from spareto.study.folder import DENSE, PREFIX, RunFolder
from spareto.study.store import TrialStore, checksum_of

ROOM_NAMES: Final = ("networks", "workloads", "details", "checkpoints")
_OURS: Final = re.compile(
    rf"(?:{'|'.join(ROOM_NAMES)})/(?:pending-[0-9a-f]{{12}}|[^/]+-seed\d+-[0-9a-f]{{8,16}}"
    rf"|{PREFIX}[0-9a-f]{{16}})"
    r"\.(?:safetensors|json)(?:\.[0-9a-f]{8}\.part)?"
)
KEPT = ("study", "network", "dataset", "data_hash", "base_hash", "plan", "validation_share")
"""Facts that a store without any takes over; a run writes the others."""


def merge(sources: Iterable[str | Path], into: TrialStore) -> int:
    """Bring the trials of other stores, with their files, into one; what is there already stays.

    Args:
        sources: Run folders, database files or URLs of servers.
        into: Where they go.

    Returns:
        How many trials came.

    Raises:
        StoreError: They began from another network, data set or dense training, or a file is damaged.
    """
    came = 0
    for source in sources:
        with TrialStore.of(source) as store:
            facts = store.meta
            _same_study(into, facts.get("base_hash"), store.place.where)
            if "base_hash" not in into.meta:
                into.set_meta(**{key: value for key, value in facts.items() if key not in into.meta})
            files = RunFolder(store.place.folder, store.place.artifacts)
            came += _put(into, store.items(), files)
    return came


def import_file(path: Path, into: TrialStore) -> int:
    """Bring the trials of an exported file into a store; the files of trials are not in it.

    Returns:
        How many trials came.

    Raises:
        ConfigError: It holds no records.
        StoreError: They began from another network, data set or dense training, or one is damaged.
    """
    bases = {trial.manifest.base_hash: trial.manifest.data_hash for _, trial in _trials_of(path)}
    for base, data in bases.items():
        _same_study(into, base, str(path))
        if "base_hash" not in into.meta:
            into.set_meta(study=path.stem, base_hash=base, data_hash=data)
    return _put(into, _trials_of(path), None)


def _trials_of(path: Path) -> Iterator[tuple[str, Trial]]:
    for number, row in enumerate(read(path), 1):
        where, (key, text, checksum) = f"{path}: row {number}", (row.get(name) for name in RECORDS)
        if not key or not isinstance(text, str):
            raise ConfigError(Problem(where, "a row without a key or a record", "a trial in full"))
        if checksum and checksum != checksum_of(key, text):
            cure = "Export it again."
            raise StoreError(
                Problem(where, "damage (its checksum differs)", "a trial as it was written", cure)
            )
        try:
            data = from_json(text)
        except ValueError as error:
            raise ConfigError(Problem(where, str(error)[:200], "a trial in full, as JSON")) from None
        yield key, Trial.parse(data, where)


def _put(into: TrialStore, items: Iterable[tuple[str, Trial]], files: RunFolder | None) -> int:
    target, came, known = RunFolder(into.place.folder, into.place.artifacts), 0, into.keys()
    for key, trial in items:
        if key in known:
            continue
        if files is not None:
            _copy_files(trial, files, target)
        into.put(key, trial, now=False)
        came += 1
    return came


def _copy_files(trial: Trial, files: RunFolder, target: RunFolder) -> None:
    """First the files, then the trial: it never points at one that is not there."""
    for kind in ("network", "workload", "details"):
        if not files.has(kind, trial):
            continue
        path, name = files.file(kind, trial), target.name(kind, trial)
        digest = trial.manifest.artifacts.get(kind)
        if digest is not None and sha256_of(path) != digest:
            got, cure = "another content than its trial names", "Restore the file from a backup."
            raise StoreError(Problem(str(path), got, "the file as it was written", cure))
        _copy(path, target.root / name)
        if target.remote is not None:
            target.remote.push(path, name)
    base, seed = trial.manifest.base_hash, trial.manifest.seed
    if trial.recipe.regime == "dense":
        files.fetch_dense(base, seed, trial)
        if there(files.dense(base, seed)):
            _copy(files.dense(base, seed), target.dense(base, seed))
            if DENSE in trial.manifest.artifacts:
                target.keep_dense(base, seed)


def _copy(path: Path, to: Path) -> None:
    if not there(to):
        with replacing(to) as temporary:
            shutil.copyfile(path, temporary)


def _same_study(into: TrialStore, base: str | None, where: str) -> None:
    known = into.meta.get("base_hash")
    if known is not None and base is not None and base != known:
        rule, cure = f"trials of the same data, network and dense training as in {into.place.where}", ""
        raise StoreError(Problem(where, "trials of another study", rule, cure))


def garbage(store: TrialStore, *, remote: bool = False) -> dict[str, int]:
    """Files of a run folder that no trial needs; their sizes in bytes.

    Dense networks, and trainings of trials that are not done, are needed. First epochs that trainings share
    are not: who wants them again trains them again. Files whose names are none of ours, and what lies behind
    a link, are left alone: a run folder may come from anybody.

    Args:
        store: Of the run folder.
        remote: Also files at the URL behind it. Other studies that keep theirs there would lose them.
    """
    folder = RunFolder(store.place.folder, store.place.artifacts)
    needed: set[str] = set()
    for trial in store.trials():
        needed |= folder.names(trial).keys()
    done = store.keys()
    found: dict[str, int] = {}
    for room in ROOM_NAMES:
        if not folder_there(folder.root / room) or (folder.root / room).is_symlink():
            continue
        for path in sorted((folder.root / room).iterdir()):
            name, key = f"{room}/{path.name}", path.name.partition(".")[0]
            ours = _OURS.fullmatch(name) is not None and name not in needed
            if room == "checkpoints":
                ours = key in done or (ours and key.startswith(PREFIX))
            if ours and path.is_file() and not path.is_symlink():
                found[str(path)] = path.stat().st_size
    if remote and (there := folder.remote) is not None:
        sizes = there.names()
        stray = [name for name in sizes if _OURS.fullmatch(name) and name not in needed]
        found |= {f"{there.url}/{name}": sizes[name] for name in stray}
    return found


def remove(store: TrialStore, files: Iterable[str]) -> None:
    """Remove files that `garbage` found."""
    folder = RunFolder(store.place.folder, store.place.artifacts)
    for name in files:
        if folder.remote is not None and name.startswith(f"{folder.remote.url}/"):
            folder.remote.remove(name.removeprefix(f"{folder.remote.url}/"))
        else:
            Path(name).unlink(missing_ok=True)
