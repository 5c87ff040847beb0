"""Keeps what people want to see of a profile's one pass: answers, silent neurons, spikes of a few samples."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.profiling.states import StateCounter
from spareto.running import Runner

Spikes = npt.NDArray[np.bool_]


@dataclass
class Witness:
    """Is shown every batch of a profile.

    Args:
        samples: Places of the samples whose spikes are kept.
        answers: The answered class of every sample, in order.
        fired: By layer, whether each neuron fired on any sample so far.
        spikes: By layer and sample, its spikes, shape `(timesteps, neurons)`.
        states: By layer, the patterns of its spikes; of a layer without spiking neurons, of the signs of what
            it puts out, behind its batch norm.
        decisions: By sample, the answer after 1, 2, ... timesteps, shape `(timesteps, classes)`; one row for
            a network that takes no other number of timesteps.
    """

    samples: tuple[int, ...] = ()
    answers: list[int] = field(default_factory=list[int])
    fired: dict[str, Spikes] = field(default_factory=dict[str, Spikes])
    spikes: dict[str, dict[int, Spikes]] = field(default_factory=dict[str, dict[int, Spikes]])
    states: dict[str, StateCounter] = field(default_factory=dict[str, StateCounter])
    decisions: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict[int, npt.NDArray[np.float64]])

    def see_answers(self, answer: Tensor) -> None:
        """Note the answers of a batch, shape `(samples, classes)`."""
        self.answers += answer.argmax(1).tolist()

    def see_spikes(self, layer: str, spikes: Spikes, first: int) -> None:
        """Note what the neurons of a layer gave in a batch.

        Args:
            layer: The layer they are charged to.
            spikes: Shape `(timesteps, samples, neurons)`.
            first: Place of the batch's first sample.
        """
        self.see_states(layer, spikes)
        fired: Spikes = np.any(spikes, axis=(0, 1))
        known = self.fired.get(layer)
        self.fired[layer] = fired if known is None else np.logical_or(known, fired)
        for sample in self.samples:
            if first <= sample < first + spikes.shape[1]:
                self.spikes.setdefault(layer, {})[sample] = spikes[:, sample - first].copy()

    def see_states(self, layer: str, on: Spikes) -> None:
        """Note which neurons of a layer are on in a batch, shape `(timesteps, samples, neurons)`."""
        self.states.setdefault(layer, StateCounter(on.shape[-1])).see(on)

    def see_decisions(self, runner: Runner) -> None:
        """Run the kept samples on their first timesteps, one more each time.

        Args:
            runner: Knows how the network is run; its states are reset before every run.
        """
        if not self.samples:
            return
        batch = runner.samples.chosen(list(self.samples))
        rows = [self._after(runner, batch, steps) for steps in range(1, (runner.timesteps or 1))]
        rows = [row for row in rows if row is not None] if all(row is not None for row in rows) else []
        rows.append(runner.answers(batch, len(self.samples)).double().cpu().numpy())
        for place, sample in enumerate(self.samples):
            self.decisions[sample] = np.stack([row[place] for row in rows])

    def _after(self, runner: Runner, batch: Tensor, steps: int) -> npt.NDArray[np.float64] | None:
        axis = 0 if runner.samples.layout == "time-first" else 1
        shorter = copy.copy(runner)
        shorter.timesteps = steps
        try:
            with torch.no_grad():
                answer = shorter.answers(batch.narrow(axis, 0, steps), len(self.samples))
        except Exception:  # whatever a network says that was built for its own number of timesteps
            return None
        return answer.double().cpu().numpy()
