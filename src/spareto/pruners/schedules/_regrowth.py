"""What dynamic sparse training schedules share: the mask at once, then exchanges that fade."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from spareto.core.config import Rule
from spareto.pruners.schedules._base import Update, evenly

Exchange = Annotated[float, Field(gt=0, lt=1, strict=True), Rule("a share above 0 and below 1")]


def regrowing(steps: int, target: float, exchange: float, end: float, rounds: int) -> tuple[Update, ...]:
    """The mask of the target at step 0, then exchanges whose share falls from `exchange` to 0.

    Args:
        steps: Steps from the start of pruning to the end of training.
        target: Share of weights removed throughout, 0..1.
        exchange: Share of the live weights exchanged at first, 0..1.
        end: Share of the steps after which masks stay.
        rounds: Number of exchanges; fewer where there are not so many steps.

    Reference:
        evci2020, section 3: cosine annealing of the exchanged share.
    """
    last = min(int(end * steps + 0.5), steps)
    later = [step for step in evenly(rounds + 1, last) if 0 < step < last]
    fading = [Update(step, target, exchange / 2 * (1 + math.cos(math.pi * step / last))) for step in later]
    return (Update(0, target), *fading)
