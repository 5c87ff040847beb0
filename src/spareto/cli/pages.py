"""The report page of a study, written while the study runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from typing_extensions import override

from spareto.cli.relay import StudyRelay
from spareto.core.errors import SparetoError
from spareto.records import Trial
from spareto.study.listener import StudyListener

PAUSE: Final = 60.0
"""Seconds between two pages, at least."""

SHARE: Final = 0.05
"""Share of a study's time that its pages may take."""


class StudyPages(StudyRelay):
    """Writes the report after a finished trial, unless the last page is too fresh.

    Args:
        folder: The run folder.
        other: Who is told, too.
    """

    def __init__(self, folder: Path, other: StudyListener) -> None:
        super().__init__(other)
        self._folder, self._next = folder, 0.0

    @override
    def trial_ends(self, trial: Trial, *, reused: bool) -> None:
        self._other.trial_ends(trial, reused=reused)
        started = time.monotonic()
        if not reused and started >= self._next:
            self._write()
            ended = time.monotonic()
            self._next = ended + max(PAUSE, (ended - started) / SHARE)

    def _write(self) -> None:
        """A page that cannot be written is said and stops no training."""
        from spareto.study.report import write_report

        try:
            write_report(self._folder)
        except SparetoError as error:
            self.noted((f"No report page yet: {error}",))
