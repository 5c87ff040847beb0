"""What dynamic sparse training schedules share: the mask at once, then exchanges that fade."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field
from typing_extensions import override

from spareto.core.config import Rule
from spareto.pruners.schedules._base import Count, End, Schedule, Update, evenly

Exchange = Annotated[float, Field(gt=0, lt=1, strict=True), Rule("a share above 0 and below 1")]


class Regrowing(Schedule):
    """The mask of the target at step 0, then exchanges of live weights for removed ones.

    Args:
        exchange: Share of the live weights exchanged at the first update; it falls to 0 along a half cosine.
        end: Share of the training after which masks stay.
        rounds: Number of exchanges; fewer where there are not so many steps.

    Reference:
        evci2020, section 3: cosine annealing of the exchanged share.
    """

    exchange: Exchange = 0.3
    end: End = 0.75
    rounds: Count = 20

    @override
    def updates(self, steps: int, target: float) -> tuple[Update, ...]:
        last = min(int(self.end * steps + 0.5), steps)
        later = [step for step in evenly(self.rounds + 1, last) if 0 < step < last]
        shares = [self.exchange / 2 * (1 + math.cos(math.pi * step / last)) for step in later]
        fading = [Update(step, target, share) for step, share in zip(later, shares, strict=True)]
        return (Update(0, target), *fading)
