"""The leaky integrate-and-fire neuron with an adaptive threshold."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from typing_extensions import override

from spareto.core.errors import together
from spareto.core.options import Number, Portion
from spareto.kernels.dynamics import Dynamics
from spareto.neurons._leak import Leak, LeakyNeuron, Time, share


class ALIF(LeakyNeuron):
    """Adaptive leaky integrate-and-fire neuron: every spike lifts the threshold, which sinks back.

        h[t]     = beta · v[t-1] + gain · x[t] + (1 − beta) · v_leak
        theta[t] = v_threshold + adapt_scale · a[t-1]
        a[t]     = adapt_decay · a[t-1] + s[t]

    Reset `subtract` takes the threshold as it is, `subtract_delayed` the one without adaptation.
    The gradient flows through the adaptation.

    Args:
        tau: Membrane time constant in timesteps; 2 if `beta` is left out too.
        tau_adapt: Time constant of the adaptation in timesteps; 20 if `adapt_decay` is left out too.
        adapt_scale: What one spike adds to the threshold.
        adapt_decay: Share of the adaptation kept over a timestep, instead of `tau_adapt`.
        leak: See `Leak`.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.

    Reference:
        bellec2018: adaptive neurons, whose `beta · (1 − rho)` is `adapt_scale` here.
    """

    kind: str = "alif"
    states: int = 2

    def __init__(
        self,
        tau: Time | None = None,
        *,
        tau_adapt: Time | None = None,
        adapt_scale: Number = 0.1,
        adapt_decay: Portion | None = None,
        **leak: Unpack[Leak],
    ) -> None:
        adaptation = (("tau_adapt", tau_adapt), ("adapt_decay", adapt_decay))
        kept = partial(share, self.kind, *adaptation, leak.get("decay", "euler"), 20.0)
        self.adapt_decay, _ = together(kept, partial(super().__init__, tau, **leak))
        self.adapt_scale = adapt_scale

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        adaptation = f"adapt_decay={self.adapt_decay:g}, adapt_scale={self.adapt_scale:g}"
        return f"{adaptation}, {super().extra_repr()}"

    @override
    def dynamics(self) -> Dynamics:
        adaptation = {"adapt_decay": self.adapt_decay, "adapt_scale": self.adapt_scale}
        return Dynamics(**adaptation, **self._fields())
