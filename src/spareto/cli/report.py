"""`spareto report`: the page and the figures of a study."""

from __future__ import annotations

from pathlib import Path

from spareto.reports.results import StudyResults
from spareto.reports.write import ReportPaths, write_report
from spareto.study.front import front_rows, mean_rows, results_of
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
        trials, meta, folder = results_of(store.trials()), store.meta, store.path.parent
    return write_report(StudyResults(trials, front_rows(trials), mean_rows(trials), meta), folder)
