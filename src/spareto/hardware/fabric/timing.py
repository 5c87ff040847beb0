"""Cycles of a pipeline of stages: exact, as the generated Verilog runs.

A stage takes a timestep's spikes as soon as it is idle, works, and hands its own over; it may begin the next
timestep while the stage behind it works on this one. Its output register holds one timestep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stage:
    """What decides a stage's cycles.

    Args:
        kind: `neurons`, or `pooling`, which takes its inputs in one cycle and holds them for one.
        reads: Every input in turn (`scan`), those that spiked (`event`), or only their weights that are not
            zero (`compressed`).
        lists: Tables that say which neurons a spike reaches: 1 for compressed rows, 2 where inputs are in
            windows, 0 without. Where there are some, each timestep's words are given instead of its spikes.
        taps: Inputs of a neuron.
        back: Recurrent inputs of a neuron.
        passes: How often the units are used in a timestep.
        loads: Whether states, windows or the first event are fetched first: 1, else 0.
        digits: Cycles of the multiplication by bits; 0 without.
    """

    kind: Literal["neurons", "pooling"]
    reads: Literal["scan", "event", "compressed"] = "scan"
    taps: int = 0
    back: int = 0
    passes: int = 1
    loads: int = 0
    digits: int = 0
    lists: int = 0

    @property
    def silent(self) -> int:
        """Cycles of a timestep without a spike: c0."""
        if self.lists:
            return 1 + self.passes * (4 + (self.digits + 1 if self.digits else 0))
        return 1 + self.passes * (2 + self.loads + self.digits)

    def reading(self, spikes: int, back: int) -> int:
        """Cycles of a pass that read inputs, for a number of spikes and of recurrent ones."""
        if self.reads == "event":
            return spikes + back
        return (self.taps if spikes else 0) + (self.back if back else 0)

    def cycles(self, spikes: int, back: int = 0) -> int:
        """Cycles of a timestep from taking its spikes to handing its own over."""
        if self.kind == "pooling":
            return 1
        if self.lists:
            return self.silent + (spikes + self.lists if spikes else 0)
        return self.silent + self.passes * self.reading(spikes, back)

    def first_end(self, spikes: int, back: int) -> int:
        """Cycles until it first writes its output register, that one included."""
        if self.lists:
            last = (self.passes - 1) * (2 + (self.digits + 1 if self.digits else 0))
            return self.cycles(spikes) - last
        return 1 + (2 + self.loads + self.digits) + self.reading(spikes, back)


def total_cycles(
    stages: Sequence[Stage],
    spikes: Sequence[Sequence[int]],
    back: Sequence[Sequence[int]],
    last: Sequence[bool],
    words: int,
    classes: int,
    loading: int = 0,
) -> int:
    """Cycles from the first word of the first frame to the last decision.

    Args:
        stages: In order.
        spikes: Of each stage, how many inputs spiked in each timestep.
        back: Of each stage, how many of its own spikes came back.
        last: Of each timestep, whether it ends a recording.
        words: Cycles that a frame takes to come in.
        classes: Classes that are searched at the end of a recording.
        loading: Further cycles of the first frame of a recording.
    """
    frame = words - 1 + loading  # when the last word of the frame is taken
    free = [0] * len(stages)  # when a stage can take the next timestep
    taken = [0] * len(stages)  # when its last output was taken
    votes_free = decided = 0
    for t, ends in enumerate(last):
        ready, held_by = frame + 1, -1
        for number, stage in enumerate(stages):
            begins = max(ready, free[number])
            if held_by < 0:
                frame = begins + words + (loading if ends else 0)
            else:
                taken[held_by] = begins
                if stages[held_by].kind == "pooling":
                    free[held_by] = begins + 1
            held_by = number
            if stage.kind == "pooling":
                ready = begins + 1
                continue
            count = spikes[number][t], back[number][t]
            waits = max(0, taken[number] - (begins + stage.first_end(*count) - 1))
            ready = free[number] = begins + stage.cycles(*count) + waits
        begins = max(ready, votes_free)
        taken[held_by] = begins
        decided = begins + 1 + classes
        votes_free = decided + 1 if ends else begins + 1
    return decided
