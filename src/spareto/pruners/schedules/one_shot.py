"""One mask, drawn once; the study's choice."""

from __future__ import annotations

from typing_extensions import override

from spareto.pruners.schedules._base import Schedule, Update


class OneShot(Schedule):
    """All weights go when pruning starts, and the mask never changes again.

    Reference:
        schaefer2023: masks are fixed from the pretrained weights.
    """

    @override
    def updates(self, steps: int, target: float) -> tuple[Update, ...]:
        return (Update(0, target),)
