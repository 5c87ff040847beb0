"""snnTorch's subtraction without delay, which also lowers the potential before it decides."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import override

from spareto.neurons import SpikingNeuron
from spareto.neurons._family import FamilyNeuron, as_tuple, bare
from spareto.neurons._spike import spike
from spareto.neurons._step import charge, following, parts_of


class Undelayed(SpikingNeuron):
    """A neuron that subtracts its threshold at once, and decides on a potential that was lowered before.

        r[t] = v[t-1] > threshold
        s[t] = charge(v[t-1], x[t]) − r[t] · threshold > threshold
        v[t] = charge(v[t-1], x[t]) − s[t] · threshold

    Where no potential is above the threshold after its reset, `r` is 0 and this is reset `subtract`. It runs
    timestep by timestep, without a fused kernel.

    Args:
        neuron: The neuron whose potential it is; its own reset is `none`.

    Reference:
        snnTorch 1.0, `Leaky.forward` with `reset_delay=False`.
    """

    def __init__(self, neuron: FamilyNeuron) -> None:
        super().__init__()
        self.neuron = neuron
        self.kind, self.states = neuron.kind, neuron.states

    @property
    def v_threshold(self) -> float:
        """Firing level."""
        return self.neuron.v_threshold

    @override
    def initial_state(self, current: Tensor) -> Any:
        return self.neuron.initial_state(current)

    def charged(self, current: Tensor, state: Any) -> Tensor:
        """The potential that decides."""
        return self._parts(current, state)[0]

    @override
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, Any]:
        h, lowered, i, dynamics, before = self._parts(current, state)
        s = spike(h, dynamics.v_threshold, self.neuron.surrogate, dynamics.strict)
        v = h - (s - lowered) * dynamics.v_threshold
        return s, bare(following(dynamics, before, i, v, s).there())

    def _parts(self, current: Tensor, state: Any) -> tuple[Tensor, Tensor, Tensor, Any, Any]:
        dynamics = self.neuron.dynamics()
        before = parts_of(dynamics, as_tuple(state))
        i, _, q = charge(dynamics, current, before)
        lowered = (before.v > dynamics.v_threshold).to(q.dtype)
        return q - lowered * dynamics.v_threshold, lowered, i, dynamics, before
