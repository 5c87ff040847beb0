"""The parametric leaky integrate-and-fire neuron, which learns its time constant."""

from __future__ import annotations

import math

import torch
from torch import nn
from typing_extensions import override

from spareto.core.errors import Problem
from spareto.core.text import shown
from spareto.kernels.dynamics import Dynamics
from spareto.neurons._family import FamilyNeuron, Reset, is_number, must_be_numbers
from spareto.neurons.surrogates import Surrogate


class PLIF(FamilyNeuron):
    """Leaky integrate-and-fire neuron with one learned leak a layer.

        1 / tau = sigmoid(w)
        h[t] = (1 − 1/tau) · v[t-1] + gain · x[t] + v_leak / tau

    Args:
        tau: Membrane time constant before training, timesteps, more than 1.
        v_threshold: Firing level.
        reset: What a spike does to the membrane potential, see `FamilyNeuron`.
        surrogate: Name of the surrogate gradient, or the surrogate itself.
        gain: Factor of the input; 1/tau, learned with it, if left out; 1 for an input that is not scaled.
        v_reset: Where reset `value` sets the membrane potential.
        v_leak: Potential that the membrane leaks towards and starts from.
        strict: Fire above the threshold, not at it.
        detach_reset: Let no gradient through the reset.
        slope: The surrogate's `alpha`; left out, its default.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.

    Reference:
        fang2021: learnable membrane time constants.
    """

    kind: str = "plif"

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        reset: Reset = "zero",
        surrogate: str | Surrogate = "arctan",
        *,
        gain: float | None = None,
        v_reset: float = 0.0,
        v_leak: float = 0.0,
        strict: bool = False,
        detach_reset: bool = True,
        slope: float | None = None,
    ) -> None:
        problems = must_be_numbers(self.kind, v_leak=v_leak, gain=1.0 if gain is None else gain)
        if not (is_number(tau) and tau > 1):
            rule = "a number of timesteps above 1"
            problems = (Problem(f"neuron '{self.kind}'.tau", shown(tau), rule), *problems)
        super().__init__(v_threshold, reset, v_reset, strict, detach_reset, surrogate, slope, problems)
        self.gain = gain
        self.v_leak = v_leak
        self.w = nn.Parameter(torch.tensor(-math.log(tau - 1.0)))

    @property
    def tau(self) -> float:
        """Membrane time constant as learned so far, timesteps."""
        return 1.0 + math.exp(-float(self.w.detach()))

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"tau={self.tau:g}, {super().extra_repr()}"

    @override
    def dynamics(self) -> Dynamics:
        leak = torch.sigmoid(self.w)
        return Dynamics(
            beta=1.0 - leak,
            gain=leak if self.gain is None else self.gain,
            bias=leak * self.v_leak if self.v_leak else 0.0,
            v_start=self.v_leak,
            **self._fields(),
        )
