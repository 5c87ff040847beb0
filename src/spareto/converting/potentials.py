"""Neurons that also give their membrane potentials."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spareto.converting.neurons._reading import Potential
from spareto.converting.neurons._undelayed import Undelayed
from spareto.neurons._family import FamilyNeuron, as_tuple
from spareto.neurons._step import charge, parts_of
from spareto.neurons.multi_spike import MultiSpike
from spareto.neurons.recurrent import Recurrent


class Potentials(nn.Module):
    """Neurons whose potentials are read; they run timestep by timestep.

    Args:
        neuron: The neurons.
        which: The potential `before` a spike lowers it, or `after`.
    """

    def __init__(self, neuron: Any, which: Potential) -> None:
        super().__init__()
        self.neuron, self.which = neuron, which

    def forward(self, currents: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes and potentials, both of the shape of the currents `(time, batch, ...)`."""
        state = self.neuron.initial_state(currents[0])
        spikes, potentials = list[Tensor](), list[Tensor]()
        for now in currents:
            before = self._charged(now, state) if self.which == "before" else None
            fired, state = self.neuron.step(now, state)
            spikes.append(fired)
            potentials.append(self._kept(state) if before is None else before)
        return torch.stack(spikes), torch.stack(potentials)

    def _charged(self, now: Tensor, state: Any) -> Tensor:
        neuron = self.neuron
        if isinstance(neuron, Recurrent):
            fed, state = state
            now, neuron = now + neuron.linear(fed), neuron.neuron
        if isinstance(neuron, Undelayed):
            return neuron.charged(now, state)
        family = neuron.neuron if isinstance(neuron, MultiSpike) else neuron
        assert isinstance(family, FamilyNeuron)
        dynamics = family.dynamics()
        return charge(dynamics, now, parts_of(dynamics, as_tuple(state)))[2]

    def _kept(self, state: Any) -> Tensor:
        own = state[1] if isinstance(self.neuron, Recurrent) else state
        return as_tuple(own)[0]
