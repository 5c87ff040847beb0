"""`spareto report`: the page and the figures of a study."""

from __future__ import annotations

from pathlib import Path

from spareto.core.text import visible
from spareto.study.report import write_report


def report(run: Path, /, *, beside: Path | None = None) -> None:
    """Write a study's report page and figures beside its database, and print their paths.

    Args:
        run: Run folder of a study, or its database.
        beside: Another study, which the page compares it with, recipe by recipe.
    """
    paths = write_report(run, beside)
    for path in (paths.report, *paths.figures):
        print(visible(str(path)))
