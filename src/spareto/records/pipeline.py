"""How long an inference takes where all layers work at the same time, one timestep after the other."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Annotated

from pydantic import Field

from spareto.core.bounds import MOST_AMOUNT, Amount, Positive
from spareto.core.config import Record


class Pipeline(Record):
    """Layers side by side: a timestep lasts until the slowest has done it, then all wait at a barrier.

    Spikes reach the next layer one timestep later, so the last layer ends `stages - 1` timesteps after the
    first. While it does, the next inference may start.

    Args:
        timesteps: Timesteps of an inference.
        stages: Layers a spike passes, one timestep each.
        crowding: How many times the cores there are the layers were cut for, where that is more; at least 1.
        barrier_cycles: Cycles of the barrier after each timestep.
        tick_cycles: Cycles a timestep takes at least.
        inferences: Inferences that follow each other at once; cycles are told for one of them.
        static_pj_per_cycle: Picojoules that parts draw in a cycle whether or not they work, by name.
    """

    timesteps: Positive
    stages: Positive
    crowding: Annotated[float, Field(ge=1, le=MOST_AMOUNT)] = 1.0
    barrier_cycles: Amount = 0.0
    tick_cycles: Amount = 0.0
    inferences: Positive = 1
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
