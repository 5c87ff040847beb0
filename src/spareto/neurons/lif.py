"""The leaky integrate-and-fire neuron."""

from __future__ import annotations

from typing_extensions import override

from spareto.kernels.dynamics import Dynamics
from spareto.neurons._leak import LeakyNeuron


class LIF(LeakyNeuron):
    """Leaky integrate-and-fire neuron whose input is scaled by what the leak lets go.

        h[t] = beta · v[t-1] + gain · x[t] + (1 − beta) · v_leak
        s[t] = 1 if h[t] >= v_threshold else 0
        v[t] = h[t], or after a spike what the reset makes of it

    Args:
        tau: Membrane time constant in timesteps, at least 1 (1 forgets at once); 2 if `beta` is left out too.
        leak: See `Leak`.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.

    Reference:
        fang2021, equation 2; zhu2022 (TCJA) uses tau 2, threshold 1 and reset to zero.
    """

    kind: str = "lif"

    @override
    def dynamics(self) -> Dynamics:
        return Dynamics(**self._fields())
