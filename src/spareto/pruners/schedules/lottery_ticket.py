"""Iterative pruning with rewinding: find the ticket, then train it from the start."""

from __future__ import annotations

from math import expm1, log1p
from typing import ClassVar

from spareto.pruners.schedules._base import Count, Schedule, Update, last_of_each_step
from spareto.pruners.schedules._stages import Remaining, evenly_long, stages


class LotteryTicket(Schedule):
    """Train, prune the same share of what is left, rewind everything else, and again.

    The epochs are cut into `rounds + 1` equal parts; the first trains without a mask. Everything is rewound
    to the network that was given: give an untrained one for the original procedure, an early checkpoint for
    late rewinding.

    Args:
        rounds: How often weights are removed.
        remaining: Shares of weights left after each round, falling, in place of `rounds`; the recipe's own
            target comes last.

    Reference:
        frankle2019, iterative pruning with resetting; frankle2020, late rewinding; hawks2021 for shares.
    """

    restarts: ClassVar[bool] = True
    rewinds: ClassVar[bool] = True

    rounds: Count = 5
    remaining: Remaining = ()

    def updates(self, steps: int, target: float) -> tuple[Update, ...]:
        """See `Schedule.updates`; `steps` are epochs."""
        if self.remaining:
            return evenly_long(stages(self.remaining, target), steps)
        left = log1p(-target)  # 1 - (1 - target) ** x would round a tiny target up
        rising = (-expm1(left * number / self.rounds) for number in range(self.rounds))
        shares = [*(min(share, target) for share in rising), target]
        return last_of_each_step(
            Update(number * steps // (self.rounds + 1), share) for number, share in enumerate(shares)
        )
