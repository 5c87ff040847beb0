"""How long an inference takes where all layers work at the same time, one timestep after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.bounds import MOST_AMOUNT, Amount, Positive
from spareto.core.config import Record
from spareto.records.buffers import through_buffers


class Pipeline(Record):
    """Layers side by side: a timestep lasts until the slowest has done it, then all wait at a barrier.

    Spikes reach the next layer one timestep later, so the last layer ends `stages - 1` timesteps after the
    first. While it does, the next inference may start. With buffers of one timestep between the layers
    (`buffers`) there is no barrier: each waits for its own neighbours alone.

    Args:
        timesteps: Timesteps of an inference.
        stages: Layers a spike passes, one timestep each.
        crowding: How many times the cores there are the layers were cut for, where that is more; at least 1.
        barrier_cycles: Cycles of the barrier after each timestep.
        tick_cycles: Cycles a timestep takes at least.
        inferences: Inferences that follow each other at once; cycles are told for one of them.
        buffers: Timesteps that a buffer between two layers holds; 0 where a barrier ends each timestep.
        static_pj_per_cycle: Picojoules that parts draw in a cycle whether or not they work, by name.
    """

    timesteps: Positive
    stages: Positive
    crowding: Annotated[float, Field(ge=1, le=MOST_AMOUNT)] = 1.0
    barrier_cycles: Amount = 0.0
    tick_cycles: Amount = 0.0
    inferences: Positive = 1
    buffers: Literal[0, 1] = 0
    static_pj_per_cycle: dict[str, Amount] = Field(default_factory=dict[str, Amount])

    def step_cycles(self, busy: Iterable[float]) -> float:
        """Cycles of one timestep.

        Args:
            busy: Cycles of a timestep that the slowest core of each layer works.
        """
        return max(max(busy, default=0.0) * self.crowding + self.barrier_cycles, self.tick_cycles)

    def latency(self, step_cycles: float) -> float:
        """Cycles until the last layer has done its last timestep, over the inferences."""
        steps = self.timesteps * self.inferences + self.stages - 1
        return ceil(steps * step_cycles - 1e-9) / self.inferences

    def interval(self, step_cycles: float) -> float:
        """Cycles between two inferences that follow each other at once."""
        return float(ceil(self.timesteps * step_cycles - 1e-9))

    def buffered(self, cycles: Sequence[Sequence[float]]) -> float:
        """Cycles until the last layer has handed on its last timestep, over the inferences.

        Args:
            cycles: Of each layer, one after the other, those of every timestep of all inferences.
        """
        rows = through_buffers(cycles)
        return ceil(rows[-1][-1] - 1e-9) / self.inferences if rows and rows[-1] else 0.0

    def buffered_interval(self, cycles: Sequence[Sequence[float]]) -> float:
        """Cycles between two inferences that follow each other at once, when the buffers have filled.

        Args:
            cycles: As for `buffered`.
        """
        own = [list(row[: self.timesteps]) for row in cycles]
        if not own or not own[0]:
            return 0.0
        runs = len(own) + 2
        last = through_buffers([row * (2 * runs) for row in own])[-1]
        return (last[-1] - last[runs * self.timesteps - 1]) / runs
