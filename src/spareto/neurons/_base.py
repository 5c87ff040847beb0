"""What a spiking neuron is: a pure step over one timestep, and a module that runs it over all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from spareto.core.options import hold_options
from spareto.kernels.dynamics import Dynamics
from spareto.neurons._checks import check_current, check_state, now_of

State = Tensor | tuple[Any, ...]
"""State of a layer between two timesteps: one tensor `(batch, ...)`, or a tuple of states."""


class SpikingNeuron(nn.Module, ABC):
    """A layer of spiking neurons: currents of all timesteps in, spikes of all timesteps out.

    Attributes:
        kind: The neuron's name, as the workload records it.
        states: State variables one neuron keeps between timesteps, spikes not counted.
        counts: Whether an output may be above 1: how often the neuron fired within the timestep.
        update: What one timestep costs: actions on each state variable, and actions once a neuron, of `leak`
            (a product or a look-up), `integrate` (a sum), `compare`. None where the kind says it.
    """

    kind: str
    states: int = 1
    counts: bool = False
    update: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "neuron")

    @abstractmethod
    def initial_state(self, current: Tensor) -> Any:
        """State before the first timestep, for currents of one timestep, shape `(batch, ...)`."""

    @abstractmethod
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One timestep: `(current, state) -> (spikes, state)`; currents and spikes of shape `(batch, ...)`.

        A pure function, and the definition; `forward` and `run` may be faster but never different.
        """

    def as_wrapped(self, neuron: SpikingNeuron, counts: bool | None = None) -> None:
        """Take over what a workload records of the neuron that this one wraps."""
        self.kind, self.states, self.update = neuron.kind, neuron.states, neuron.update
        self.counts = neuron.counts if counts is None else counts

    def dynamics(self) -> Dynamics | None:
        """The neuron's coefficients if it belongs to the family the fused kernels run, else None."""
        return None

    def check_current(self, current: Tensor) -> None:
        """Check that currents `(time, batch, ...)` can be run.

        Raises:
            ConfigError: They cannot.
        """
        check_current(self, current)

    def forward(self, current: Tensor) -> Tensor:
        """All timesteps: currents `(time, batch, ...)` to spikes, 0 or 1 or counts, of the same shape."""
        return self.run(current)[0]

    def run(self, current: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """All timesteps from a given state: spikes, and the state after the last one.

        Args:
            current: Shape `(time, batch, ...)`.
            state: As `step` returns it; left out, that before the first timestep.

        Raises:
            ConfigError: Currents without time and batch, or other than real numbers; or a state that is not
                one of this neuron and these currents.
        """
        self.check_current(current)
        if state is not None:
            check_state(self, state, self.initial_state(now_of(current)))
        return by_steps(self, current, state)


def by_steps(neuron: SpikingNeuron, current: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """The plain loop over `neuron.step`: spikes, and the state after the last timestep."""
    if state is None:
        state = neuron.initial_state(now_of(current))
    spikes: list[Tensor] = []
    for now in current:
        fired, state = neuron.step(now, state)
        spikes.append(fired)
    return (torch.stack(spikes) if spikes else current.clone()), state
