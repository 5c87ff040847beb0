"""The leaky integrate-and-fire neuron with a synaptic current (CuBa LIF)."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from typing_extensions import override

from spareto.core.errors import together
from spareto.core.options import Portion
from spareto.kernels.dynamics import Dynamics
from spareto.neurons._leak import Leak, LeakyNeuron, Time, share


class Synaptic(LeakyNeuron):
    """Current-based leaky integrate-and-fire neuron: the input charges a current that leaks by itself.

        i[t] = alpha · i[t-1] + x[t]
        h[t] = beta · v[t-1] + gain · i[t] + (1 − beta) · v_leak

    Args:
        tau: Membrane time constant in timesteps; 2 if `beta` is left out too.
        tau_syn: Synaptic time constant in timesteps; 2 if `alpha` is left out too.
        alpha: Share of the synaptic current kept over a timestep, instead of `tau_syn`.
        leak: See `Leak`.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.

    Reference:
        neftci2019: the discrete-time current-based neuron.
    """

    kind: str = "synaptic"
    states: int = 2

    def __init__(
        self,
        tau: Time | None = None,
        tau_syn: Time | None = None,
        *,
        alpha: Portion | None = None,
        **leak: Unpack[Leak],
    ) -> None:
        current = (("tau_syn", tau_syn), ("alpha", alpha))
        kept = partial(share, self.kind, *current, leak.get("decay", "euler"), 2.0)
        self.alpha, _ = together(kept, partial(super().__init__, tau, **leak))

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"alpha={self.alpha:g}, {super().extra_repr()}"

    @override
    def dynamics(self) -> Dynamics:
        return Dynamics(alpha=self.alpha, **self._fields())
