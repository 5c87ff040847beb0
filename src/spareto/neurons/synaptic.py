"""The leaky integrate-and-fire neuron with a synaptic current (CuBa LIF)."""

from __future__ import annotations

from typing_extensions import override

from spareto.kernels.dynamics import Dynamics
from spareto.neurons._family import FamilyNeuron, Reset, must_be_numbers
from spareto.neurons._leak import Decay, share
from spareto.neurons.surrogates import Surrogate


class Synaptic(FamilyNeuron):
    """Current-based leaky integrate-and-fire neuron: the input charges a current that leaks by itself.

        i[t] = alpha · i[t-1] + x[t]
        h[t] = beta · v[t-1] + gain · i[t] + (1 − beta) · v_leak

    Args:
        tau: Membrane time constant in timesteps; 2 if `beta` is left out too.
        tau_syn: Synaptic time constant in timesteps; 2 if `alpha` is left out too.
        v_threshold: Firing level.
        reset: What a spike does to the membrane potential, see `FamilyNeuron`.
        surrogate: Name of the surrogate gradient, or the surrogate itself.
        beta: Share of the membrane potential kept over a timestep, instead of `tau`.
        alpha: Share of the synaptic current kept over a timestep, instead of `tau_syn`.
        decay: How a time constant gives a share: `euler` 1 − 1/tau, `exponential` exp(−1/tau).
        gain: Factor of the current; 1 − beta if left out, 1 for a current that is not scaled.
        v_reset: Where reset `value` sets the membrane potential.
        v_leak: Potential that the membrane leaks towards and starts from.
        strict: Fire above the threshold, not at it.
        detach_reset: Let no gradient through the reset.
        slope: The surrogate's `alpha`; left out, its default.

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
        tau: float | None = None,
        tau_syn: float | None = None,
        v_threshold: float = 1.0,
        reset: Reset = "zero",
        surrogate: str | Surrogate = "arctan",
        *,
        beta: float | None = None,
        alpha: float | None = None,
        decay: Decay = "euler",
        gain: float | None = None,
        v_reset: float = 0.0,
        v_leak: float = 0.0,
        strict: bool = False,
        detach_reset: bool = True,
        slope: float | None = None,
    ) -> None:
        kept, problems = share(self.kind, ("tau", tau), ("beta", beta), decay, 2.0)
        current, more = share(self.kind, ("tau_syn", tau_syn), ("alpha", alpha), decay, 2.0)
        numbers = must_be_numbers(self.kind, v_leak=v_leak, gain=1.0 if gain is None else gain)
        problems += (*(problem for problem in more if problem not in problems), *numbers)
        super().__init__(v_threshold, reset, v_reset, strict, detach_reset, surrogate, slope, problems)
        self.beta = kept
        self.alpha = current
        self.gain = 1.0 - kept if gain is None else gain
        self.v_leak = v_leak

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"alpha={self.alpha:g}, beta={self.beta:g}, {super().extra_repr()}"

    @override
    def dynamics(self) -> Dynamics:
        return Dynamics(
            alpha=self.alpha,
            beta=self.beta,
            gain=self.gain,
            bias=(1.0 - self.beta) * self.v_leak,
            v_start=self.v_leak,
            **self._fields(),
        )
