"""One mask, drawn once; the study's choice."""

from __future__ import annotations

from spareto.pruners.schedules._base import Schedule, Update


class OneShot(Schedule):
    """All weights go when pruning starts, and the mask never changes again.

    Reference:
        schaefer2023: masks are fixed from the pretrained weights.
    """

    def updates(self, steps: int, target: float) -> tuple[Update, ...]:
        """See `Schedule.updates`."""
        return (Update(0, target),)
