"""The parametric leaky integrate-and-fire neuron, which learns its time constant."""

from __future__ import annotations

import math
from typing import Annotated, Unpack

import torch
from pydantic import Field
from torch import nn
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.options import Number
from spareto.kernels.dynamics import Dynamics
from spareto.neurons._family import FamilyNeuron, Firing

Tau = Annotated[float, Field(gt=1, lt=1e30), Rule("a number of timesteps above 1")]


class PLIF(FamilyNeuron):
    """Leaky integrate-and-fire neuron with one learned leak a layer.

        1 / tau = sigmoid(w)
        h[t] = (1 − 1/tau) · v[t-1] + gain · x[t] + v_leak / tau

    Args:
        tau: Membrane time constant before training, timesteps, more than 1.
        gain: Factor of the input; 1/tau, learned with it, if left out; 1 for an input that is not scaled.
        v_leak: Potential that the membrane leaks towards and starts from.
        firing: See `Firing`.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.

    Reference:
        fang2021: learnable membrane time constants.
    """

    kind: str = "plif"

    def __init__(
        self, tau: Tau = 2.0, *, gain: Number | None = None, v_leak: Number = 0.0, **firing: Unpack[Firing]
    ) -> None:
        super().__init__(**firing)
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
