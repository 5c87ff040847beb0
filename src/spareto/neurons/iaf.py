"""The integrate-and-fire neuron, which does not leak."""

from __future__ import annotations

from typing import Unpack

from typing_extensions import override

from spareto.core.options import Number
from spareto.kernels.dynamics import Dynamics
from spareto.neurons._family import FamilyNeuron, Firing


class IAF(FamilyNeuron):
    """Integrate-and-fire neuron: `h[t] = v[t-1] + gain · x[t]`.

    Args:
        gain: Factor of the input.
        v_start: Membrane potential before the first timestep.
        firing: See `Firing`.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.
    """

    kind: str = "iaf"

    def __init__(self, *, gain: Number = 1.0, v_start: Number = 0.0, **firing: Unpack[Firing]) -> None:
        super().__init__(**firing)
        self.gain, self.v_start = gain, v_start

    @override
    def dynamics(self) -> Dynamics:
        return Dynamics(beta=1.0, gain=self.gain, v_start=self.v_start, **self._fields())
