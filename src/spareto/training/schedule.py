"""The learning rate over training: linear warm-up, cosine decay, once per phase."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """Epochs `first` up to, not including, `end`, with a learning-rate curve of their own."""

    first: int
    end: int


def phases(epochs: int, starts: Iterable[int]) -> tuple[Phase, ...]:
    """Cut `epochs` at every start that lies inside; no epochs give one empty phase.

    >>> phases(10, [0, 5])
    (Phase(first=0, end=5), Phase(first=5, end=10))
    """
    if epochs == 0:
        return (Phase(0, 0),)
    cuts = sorted({0, *(start for start in starts if 0 < start < epochs), epochs})
    return tuple(Phase(first, end) for first, end in itertools.pairwise(cuts))


def learning_rate_factor(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate at optimizer step `step` of a phase of `steps`.

    Rises linearly over the first `warmup` steps, then falls along a half cosine, reaching 0 after the last.

    Reference:
        loshchilov2017, equation 5, without restarts inside a phase.
    """
    warmup = min(warmup, steps - 1)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
