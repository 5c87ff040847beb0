"""When layers are done that work side by side with buffers of one timestep between them."""

from __future__ import annotations

from collections.abc import Sequence


def through_buffers(cycles: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """When each stage has handed on each timestep.

    A stage starts a timestep once it is there and the stage has handed on the one before. It hands its result
    on once it is done and the next stage has started the timestep before, which empties the buffer between
    them. The input is always there, and what leaves the last stage is taken at once.

    Args:
        cycles: Cycles of every stage for every timestep, `(stages, timesteps)`.

    >>> through_buffers([[3, 3], [5, 5]])
    ((3.0, 6.0), (8.0, 13.0))
    """
    stages = len(cycles)
    handed = [0.0] * stages
    started = [0.0] * (stages + 1)
    rows: list[list[float]] = [[] for _ in cycles]
    for step in range(len(cycles[0]) if stages else 0):
        before, there = list(started), 0.0
        for stage in range(stages):
            started[stage] = max(there, handed[stage])
            done = started[stage] + float(cycles[stage][step])
            handed[stage] = there = max(done, before[stage + 1])
            rows[stage].append(there)
    return tuple(tuple(row) for row in rows)
