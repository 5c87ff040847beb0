"""A pipeline of event-driven layers, simulated event by event: the slow twin of kind `pipelined`.

Each layer is a process that takes a timestep out of the buffer before it, looks at its inputs chunk by
chunk, adds the weights of one spike after the other to its potentials, updates its neurons, and puts their
spikes into the buffer behind it once that is empty. A queue of events holds who goes on when.
"""

import heapq
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from spareto.hardware.counting.encoders import list_addresses


@dataclass
class Buffer:
    """One timestep of spikes between two layers."""

    spikes: np.ndarray | None = None


@dataclass
class Layer:
    """A dense layer of leaky neurons on hardware units of its own.

    Args:
        weights: Shape (outputs, inputs).
        lhr: Neurons a unit computes in turn.
        chunk, start, spike, accumulate, activate: As the chip says.
        beta, threshold: Of its neurons; a spike lowers the potential by the threshold.
    """

    weights: np.ndarray
    lhr: int
    chunk: int = 20
    start: int = 2
    spike: int = 2
    accumulate: int = 4
    activate: int = 1
    beta: float = 0.5
    threshold: float = 1.0
    emitted: list = field(default_factory=list)
    put_at: list = field(default_factory=list)

    def process(self, before, behind, timesteps):
        """Yields cycles to let pass, or a condition to wait for; `self.now` is the time."""
        potentials = np.zeros(len(self.weights))
        for _ in range(timesteps):
            while before.spikes is None:
                yield None
            inputs, before.spikes = before.spikes, None
            yield self.start
            potentials *= self.beta
            for first in range(0, len(inputs), self.chunk):
                yield 1  # a look at the chunk
                for address in list_addresses(inputs[first : first + self.chunk], self.chunk).addresses:
                    yield self.spike
                    for _ in range(min(self.lhr, len(self.weights))):
                        yield self.accumulate
                    potentials += self.weights[:, first + address]
            for _ in range(min(self.lhr, len(self.weights))):
                yield self.activate
            fired = potentials > self.threshold
            potentials -= fired * self.threshold
            while behind.spikes is not None:
                yield None
            behind.spikes = fired
            self.emitted.append(fired)
            self.put_at.append(self.now)


def simulate(layers, inputs):
    """Run inputs `(timesteps, inputs)` through the layers; they note what they emit, and when."""
    buffers = [Buffer() for _ in range(len(layers) + 1)]

    def source():
        for step in inputs:
            while buffers[0].spikes is not None:
                yield None
            buffers[0].spikes = step

    def sink():
        for _ in inputs:
            while buffers[-1].spikes is None:
                yield None
            buffers[-1].spikes = None

    sides = zip(layers, pairwise(buffers), strict=True)
    processes = [source(), *(each.process(*pair, len(inputs)) for each, pair in sides), sink()]
    due, waiting, now = [(0, place) for place in range(len(processes))], set(), 0
    while due:
        now = due[0][0]
        ready = {heapq.heappop(due)[1] for _ in range(sum(time == now for time, _ in due))} | waiting
        waiting, moved = set(), True
        while moved:  # until nobody can go on at this time
            moved = False
            for place in sorted(ready):
                if 0 < place <= len(layers):
                    layers[place - 1].now = now
                state = [buffer.spikes is None for buffer in buffers]
                wait = next(processes[place], "done")
                if wait == "done":
                    ready.discard(place)
                    moved = True
                elif wait is None:
                    moved |= state != [buffer.spikes is None for buffer in buffers]
                else:
                    ready.discard(place)
                    heapq.heappush(due, (now + wait, place))
                    moved = True
        waiting = ready
    assert not waiting, "somebody waits for ever"
    return now


def dense_spikes(layers, inputs):
    """What the same network emits if every timestep is a matrix product."""
    for layer in layers:
        potentials, out = np.zeros(len(layer.weights)), []
        for step in inputs:
            potentials = layer.beta * potentials + layer.weights @ step
            fired = potentials > layer.threshold
            potentials = potentials - fired * layer.threshold
            out.append(fired)
        inputs = np.array(out)
    return inputs
