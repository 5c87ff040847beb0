"""What neurons share that run another neuron's step and keep its state in a few bits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.kernels import neurons as kernels
from spareto.kernels.dynamics import Dynamics
from spareto.neurons import SpikingNeuron, registry
from spareto.neurons._base import by_steps
from spareto.neurons._checks import check_state, now_of
from spareto.neurons._family import FamilyNeuron, Wrapped, as_tuple, bare, refuse_options
from spareto.neurons._fixed_point import stored

StateBits = Annotated[int, Field(ge=2, le=16), Rule("an integer from 2 to 16")]


class StoringNeuron(SpikingNeuron):
    """Runs a neuron's own step, then stores its state in whole steps that saturate.

        s[t], u[t] = neuron.step(x[t], v[t-1])
        v[t] = q · round(clamp(u[t] / q, −n, n))       n = 2^(bits−1) − 1

    Rounding is half to even. Zero stays zero. The spikes that a delayed reset waits for are stored as they
    are. A neuron of the family in `kernels/dynamics.py` runs in the fused kernels; any other by its steps.

    Args:
        neuron: Name of the neuron, or the neuron itself.
        bits: Width of one stored state variable, 2..16.
        options: What the named neuron's constructor takes.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No neuron has that name.
    """

    def __init__(self, neuron: Wrapped, bits: StateBits, options: dict[str, Any]) -> None:
        super().__init__()
        kernels.prepare()
        refuse_options(type(self).__module__.rpartition(".")[2], neuron, options)
        self.neuron = registry.make(neuron, **options) if isinstance(neuron, str) else neuron
        self.bits = bits
        self.as_wrapped(self.neuron)

    @property
    def most(self) -> int:
        """Largest number of steps either way, `n`."""
        return 2 ** (self.bits - 1) - 1

    @property
    def state_bits(self) -> int:
        """Width of one stored state variable."""
        return self.bits

    @abstractmethod
    def state_step(self) -> float | Tensor | None:
        """What one step stands for, `q`; None where it is not known before the state is."""

    def check_current(self, current: Tensor) -> None:
        """See `SpikingNeuron.check_current`: the wrapped neuron knows."""
        self.neuron.check_current(current)

    @override
    def initial_state(self, current: Tensor) -> Any:
        with torch.no_grad():
            return self._stored(self.neuron.initial_state(current))

    @override
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, Any]:
        spikes, state = self.neuron.step(current, state)
        return spikes, self._stored(state)

    @override
    def dynamics(self) -> Dynamics | None:
        inner = self.neuron.dynamics() if isinstance(self.neuron, FamilyNeuron) else None
        step = None if inner is None else self.state_step()
        if inner is None or step is None:
            return None
        start = inner.v_start
        if start and isinstance(step, Tensor):
            return None  # where it starts would follow a learned step
        start = float(stored(torch.tensor(start), step, self.most)) if start else 0.0
        return replace(inner, state_step=step, state_most=self.most, v_start=start)

    @override
    def forward(self, current: Tensor) -> Tensor:
        self.check_current(current)
        dynamics = self.dynamics()
        if dynamics is None or kernels.loops(current, dynamics) is None:
            return by_steps(self, current)[0]
        return kernels.run(current, dynamics, None, last=False)[0]

    @override
    def run(self, current: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        dynamics = self.dynamics()
        if dynamics is None or kernels.loops(current, dynamics) is None:
            return super().run(current, state)
        self.check_current(current)
        if state is not None:
            check_state(self, state, self.initial_state(now_of(current)))
        first = None if state is None else as_tuple(state)
        spikes, *last = kernels.run(current, dynamics, first, last=True)
        return spikes, bare(tuple(last))

    def _stored(self, state: Any) -> Any:
        step = self.state_step()
        assert step is not None, "a subclass whose step is not known stores in its own way"
        return self._each(state, lambda part: stored(part, step, self.most))

    def _each(self, state: Any, store: Any) -> Any:
        """A state with every part stored, but for the spikes that a delayed reset of the family waits for."""
        inner = self.neuron.dynamics() if isinstance(self.neuron, FamilyNeuron) else None
        if inner is not None and inner.delayed_keep is not None:
            *parts, spikes = as_tuple(state)
            return (*map(store, parts), spikes)
        return store(state) if isinstance(state, Tensor) else tuple(map(store, state))
