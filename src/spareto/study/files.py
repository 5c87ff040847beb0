"""The files of a study's trials, for its report: each is read when it is asked for, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TypeVar

from spareto.core.errors import InputError
from spareto.records import Recipe
from spareto.records.details import TrialDetails
from spareto.records.trial import Trial
from spareto.records.workload import Workload
from spareto.study.folder import RunFolder

RecordT = TypeVar("RecordT", Workload, TrialDetails)


class StudyFiles:
    """What a run folder holds beside its database.

    Args:
        root: The run folder.
        trials: The key and the trial of each, as the store gives them.
    """

    def __init__(self, root: Path, trials: Iterable[tuple[str, Trial]]) -> None:
        self._folder = RunFolder(root)
        self._keys = {_who(trial): key for key, trial in trials}
        self._workload = cache(lambda path: _read(Workload, path))
        self._details = cache(lambda path: _read(TrialDetails, path))

    def workload(self, trial: Trial) -> Workload | None:
        """The measured network; None where its file is gone or damaged."""
        return self._workload(self._path(self._folder.workload, trial))

    def details(self, trial: Trial) -> TrialDetails | None:
        """Training, errors, weights and spikes; None where its file is gone or damaged."""
        return self._details(self._path(self._folder.details, trial))

    def network(self, trial: Trial) -> str | None:
        """Path of the compressed network; None where it is gone."""
        path = self._path(self._folder.network, trial)
        return path.as_posix() if path is not None and path.is_file() else None

    def where(self) -> str:
        """Path of the run folder, as it was given."""
        return self._folder.root.as_posix()

    def _path(self, file: Callable[[Recipe, int, str], Path], trial: Trial) -> Path | None:
        key = self._keys.get(_who(trial))
        return None if key is None else file(trial.recipe, trial.manifest.seed, key)


def _who(trial: Trial) -> tuple[str, int]:
    return trial.recipe.hash, trial.manifest.seed


def _read(kind: type[RecordT], path: Path | None) -> RecordT | None:
    """What a file holds; a report is written of what can be read."""
    if path is None or not path.is_file():
        return None
    try:
        return kind.load(path)
    except InputError:
        return None
