"""The report of a run folder, from whatever trials have finished."""

from __future__ import annotations

from pathlib import Path

from spareto.reports.results import StudyResults
from spareto.reports.write import ReportPaths, write_files
from spareto.study.front import front_rows, mean_rows
from spareto.study.store import TrialStore


def write_report(run: str | Path) -> ReportPaths:
    """Write a study's page and figures beside its database.

    Args:
        run: Run folder of a study, or its database.

    Returns:
        The files: `report.html`, and `front`, `components`, `sparsity`, `formats` as `.png` and `.svg`.

    Raises:
        StoreError: There is no study, or the files cannot be written.

    Example:
        >>> import spareto
        >>> spareto.write_report("runs/demo").report  # doctest: +SKIP
        PosixPath('runs/demo/report.html')
    """
    with TrialStore.of(run) as store:
        trials, meta, folder = store.trials(), store.meta, store.path.parent
    return write_files(StudyResults(trials, front_rows(trials), mean_rows(trials), meta), folder)
