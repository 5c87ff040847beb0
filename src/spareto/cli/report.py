"""`spareto report`: the page and the figures of a study."""

from __future__ import annotations

from pathlib import Path

from spareto.core.text import visible
from spareto.study.report import write_report


def report(run: Path, /) -> None:
    """Write a study's report page and figures beside its database, and print their paths.

    Args:
        run: Run folder of a study, or its database.
    """
    paths = write_report(run)
    for path in (paths.report, *paths.figures):
        print(visible(str(path)))
