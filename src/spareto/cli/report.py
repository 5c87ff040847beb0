"""`spareto report`: the page and the figures of a study."""

from __future__ import annotations

from pathlib import Path

from spareto.reports.results import StudyResults
from spareto.reports.sources import Judge
from spareto.reports.write import ReportPaths, write_report
from spareto.study import front
from spareto.study.files import StudyFiles
from spareto.study.store import TrialStore


def report(run: Path, /) -> None:
    """Write a study's report page and figures beside its database, and print their paths.

    Args:
        run: Run folder of a study, or its database.
    """
    paths = write_run_report(run)
    for path in (paths.report, *paths.figures):
        print(path)


def write_run_report(run: Path) -> ReportPaths:
    """Write the report of a run folder into that folder, from whatever trials have finished."""
    with TrialStore.of(run) as store:
        results, folder = results_of(store), store.path.parent
    return write_report(results, folder)


def results_of(store: TrialStore) -> StudyResults:
    """What the reports of a study are drawn from."""
    every, meta = store.items(), store.meta
    items = [item for item in every if item[1].stage == "result"] or every  # all, while a search is under way
    trials, files = [trial for _, trial in items], StudyFiles(store.path.parent, items)
    rows, means = front.front_rows(trials), front.mean_rows(trials)
    return StudyResults(trials, rows, means, meta, files, Judge(front.front, front.knee, front.hypervolume))
