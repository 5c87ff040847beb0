"""A listener that passes every event on to another one."""

from __future__ import annotations

from spareto.study.listener import StudyListener


class StudyRelay(StudyListener):
    """Passes everything on; what is of interest is overridden.

    Args:
        other: Who is told.
    """

    def __init__(self, other: StudyListener) -> None:
        self._other = other
        for event, ignored in vars(StudyListener).items():
            if not event.startswith("_") and getattr(type(self), event) is ignored:
                setattr(self, event, getattr(other, event))
