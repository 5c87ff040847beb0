"""Pruning in stages while training goes on."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from spareto.pruners.schedules._base import Schedule, Update
from spareto.pruners.schedules._stages import HAWKS, Remaining, evenly_long, stages


class Staged(Schedule):
    """Train, prune to the next share, train on, and so forth; a weight that is gone stays gone.

    All stages are equally long, and each is a training of its own: with one falling learning rate over all of
    them, the last and sparsest would have none left. Those that leave less than the recipe's sparsity asks
    for are left out, and its own target is the last.

    Args:
        remaining: Shares of weights left after each stage, falling.

    Reference:
        hawks2021 (Ps and Qs): its shares are the default.
    """

    restarts: ClassVar[bool] = True

    remaining: Remaining = HAWKS

    @override
    def updates(self, steps: int, target: float) -> tuple[Update, ...]:
        return evenly_long(stages(self.remaining, target), steps)
