"""The leaky integrate-and-fire neuron with an adaptive threshold."""

from __future__ import annotations

from typing_extensions import override

from spareto.kernels.dynamics import Dynamics
from spareto.neurons._family import FamilyNeuron, Reset, must_be_numbers
from spareto.neurons._leak import Decay, share
from spareto.neurons.surrogates import Surrogate


class ALIF(FamilyNeuron):
    """Adaptive leaky integrate-and-fire neuron: every spike lifts the threshold, which sinks back.

        h[t]     = beta · v[t-1] + gain · x[t] + (1 − beta) · v_leak
        theta[t] = v_threshold + adapt_scale · a[t-1]
        a[t]     = adapt_decay · a[t-1] + s[t]

    Reset `subtract` takes the threshold as it is, `subtract_delayed` the one without adaptation.
    The gradient flows through the adaptation.

    Args:
        tau: Membrane time constant in timesteps; 2 if `beta` is left out too.
        v_threshold: Firing level without spikes before.
        reset: What a spike does to the membrane potential, see `FamilyNeuron`.
        surrogate: Name of the surrogate gradient, or the surrogate itself.
        tau_adapt: Time constant of the adaptation in timesteps; 20 if `adapt_decay` is left out too.
        adapt_scale: What one spike adds to the threshold.
        adapt_decay: Share of the adaptation kept over a timestep, instead of `tau_adapt`.
        beta: Share of the membrane potential kept over a timestep, instead of `tau`.
        decay: How a time constant gives a share: `euler` 1 − 1/tau, `exponential` exp(−1/tau).
        gain: Factor of the input; 1 − beta if left out, 1 for an input that is not scaled.
        v_reset: Where reset `value` sets the membrane potential.
        v_leak: Potential that the membrane leaks towards and starts from.
        strict: Fire above the threshold, not at it.
        detach_reset: Let no gradient through the reset.
        slope: The surrogate's `alpha`; left out, its default.

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
        tau: float | None = None,
        v_threshold: float = 1.0,
        reset: Reset = "zero",
        surrogate: str | Surrogate = "arctan",
        *,
        tau_adapt: float | None = None,
        adapt_scale: float = 0.1,
        adapt_decay: float | None = None,
        beta: float | None = None,
        decay: Decay = "euler",
        gain: float | None = None,
        v_reset: float = 0.0,
        v_leak: float = 0.0,
        strict: bool = False,
        detach_reset: bool = True,
        slope: float | None = None,
    ) -> None:
        kept, problems = share(self.kind, ("tau", tau), ("beta", beta), decay, 2.0)
        adaptation = (("tau_adapt", tau_adapt), ("adapt_decay", adapt_decay))
        kept_adaptation, more = share(self.kind, *adaptation, decay, 20.0)
        gains = {"gain": 1.0 if gain is None else gain, "adapt_scale": adapt_scale}
        numbers = must_be_numbers(self.kind, v_leak=v_leak, **gains)
        problems += (*(problem for problem in more if problem not in problems), *numbers)
        super().__init__(v_threshold, reset, v_reset, strict, detach_reset, surrogate, slope, problems)
        self.beta = kept
        self.adapt_decay = kept_adaptation
        self.adapt_scale = adapt_scale
        self.gain = 1.0 - kept if gain is None else gain
        self.v_leak = v_leak

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        adaptation = f"adapt_decay={self.adapt_decay:g}, adapt_scale={self.adapt_scale:g}"
        return f"beta={self.beta:g}, {adaptation}, {super().extra_repr()}"

    @override
    def dynamics(self) -> Dynamics:
        return Dynamics(
            beta=self.beta,
            gain=self.gain,
            bias=(1.0 - self.beta) * self.v_leak,
            v_start=self.v_leak,
            adapt_decay=self.adapt_decay,
            adapt_scale=self.adapt_scale,
            **self._fields(),
        )
