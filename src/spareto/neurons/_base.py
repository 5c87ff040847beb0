"""What a spiking neuron is: a pure step over one timestep, and a module that runs it over all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class SpikingNeuron(nn.Module, ABC):
    """A layer of spiking neurons: currents of all timesteps in, spikes of all timesteps out.

    Attributes:
        kind: The neuron's name, as the workload records it.
        states: State variables one neuron keeps between timesteps.
    """

    kind: ClassVar[str]
    states: ClassVar[int] = 1

    @abstractmethod
    def initial_state(self, current: Tensor) -> Tensor:
        """State before the first timestep, for currents of one timestep, shape `(batch, ...)`."""

    @abstractmethod
    def step(self, current: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One timestep: `(current, state) -> (spikes, state)`, all of shape `(batch, ...)`.

        This is the definition; `forward` may be faster but never different.
        """

    @abstractmethod
    def forward(self, current: Tensor) -> Tensor:
        """All timesteps: currents `(time, batch, ...)` to spikes, 0 or 1, of the same shape."""
