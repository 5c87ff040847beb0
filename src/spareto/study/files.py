"""The files of a study's trials, for its report: each is read when it is asked for, and once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

from spareto.core.artifacts import there
from spareto.core.errors import InputError
from spareto.records.details import TrialDetails
from spareto.records.trial import Trial
from spareto.records.workload import Workload
from spareto.study.folder import Kind, RunFolder

RecordT = TypeVar("RecordT", Workload, TrialDetails)


class StudyFiles:
    """What a run folder holds beside its database.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._workload = cache(lambda path: _read(Workload, path))
        self._details = cache(lambda path: _read(TrialDetails, path))

    def workload(self, trial: Trial) -> Workload | None:
        """The measured network; None where its file is gone or damaged."""
        return self._workload(self._path("workload", trial))

    def details(self, trial: Trial) -> TrialDetails | None:
        """Training, errors, weights and spikes; None where its file is gone or damaged."""
        return self._details(self._path("details", trial))

    def network(self, trial: Trial) -> str | None:
        """Path of the compressed network; None where it is gone."""
        path = self._path("network", trial)
        return None if path is None else path.as_posix()

    def workload_path(self, trial: Trial) -> str | None:
        """Path of the workload, which is named by its own content; None where it is gone."""
        path = self._path("workload", trial)
        return None if path is None else path.as_posix()

    def where(self) -> str:
        """Path of the run folder, as it was given."""
        return self._folder.root.as_posix()

    def _path(self, kind: Kind, trial: Trial) -> Path | None:
        try:
            path = self._folder.file(kind, trial)
        except InputError:
            return None
        return path if there(path) else None


def _read(kind: type[RecordT], path: Path | None) -> RecordT | None:
    """What a file holds; a report is written of what can be read."""
    if path is None:
        return None
    try:
        return kind.load(path)
    except InputError:
        return None
