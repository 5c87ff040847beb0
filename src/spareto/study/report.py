"""The report of a run folder, from whatever trials have finished."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spareto.reports.results import StudyResults
from spareto.reports.sources import Judge
from spareto.reports.write import ReportPaths, write_files
from spareto.study import front
from spareto.study.files import StudyFiles
from spareto.study.folder import RunFolder
from spareto.study.store import TrialStore


def write_report(run: str | Path, beside: str | Path | None = None) -> ReportPaths:
    """Write a study's page and figures beside its database.

    Args:
        run: Run folder of a study, or its database.
        beside: Another study, which the page compares it with, recipe by recipe.

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
        results, folder = results_of(store), store.place.folder
    if beside is not None:
        with TrialStore.of(beside) as other:
            results = replace(results, beside=results_of(other))
    return write_files(results, folder)


def results_of(store: TrialStore) -> StudyResults:
    """What the reports of a study are drawn from."""
    every, meta = store.items(), store.meta
    items = [item for item in every if item[1].stage == "result"] or every  # all, while a search is under way
    trials, files = (
        [trial for _, trial in items],
        StudyFiles(RunFolder(store.place.folder, store.place.artifacts)),
    )
    rows, means = front.front_rows(trials), front.mean_rows(trials)
    return StudyResults(trials, rows, means, meta, files, Judge(front.front, front.knee, front.hypervolume))
