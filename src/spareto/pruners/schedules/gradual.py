"""Gradual pruning: many weights go early, few late."""

from __future__ import annotations

from typing_extensions import override

from spareto.pruners.schedules._base import Count, End, Schedule, Update, evenly


class Gradual(Schedule):
    """Sparsity rises along a cubic; a weight that is gone stays gone.

        sparsity(t) = target · (1 − (1 − t / end)³)

    Args:
        end: Share of the training after which the target is reached.
        rounds: Number of updates after the first, which removes nothing.

    Reference:
        zhu2018, equation 1, from an initial sparsity of 0.
    """

    end: End = 0.75
    rounds: Count = 20

    @override
    def updates(self, steps: int, target: float) -> tuple[Update, ...]:
        end = min(int(self.end * steps + 0.5), steps - 1)
        if end == 0:
            return (Update(0, target),)
        rising = [
            Update(step, target * (1 - (1 - step / end) ** 3)) for step in evenly(self.rounds, end)[:-1]
        ]
        return (*rising, Update(end, target))
