"""The leaky integrate-and-fire neuron."""

from __future__ import annotations

from typing_extensions import override

from spareto.kernels.dynamics import Dynamics
from spareto.neurons._family import FamilyNeuron, Reset, must_be_numbers
from spareto.neurons._leak import Decay, share
from spareto.neurons.surrogates import Surrogate


class LIF(FamilyNeuron):
    """Leaky integrate-and-fire neuron whose input is scaled by what the leak lets go.

        h[t] = beta · v[t-1] + gain · x[t] + (1 − beta) · v_leak
        s[t] = 1 if h[t] >= v_threshold else 0
        v[t] = h[t], or after a spike what the reset makes of it

    Args:
        tau: Membrane time constant in timesteps, at least 1 (1 forgets at once); 2 if `beta` is left out too.
        v_threshold: Firing level.
        reset: What a spike does to the membrane potential, see `FamilyNeuron`.
        surrogate: Name of the surrogate gradient, or the surrogate itself.
        beta: Share of the membrane potential kept over a timestep, instead of `tau`.
        decay: How `tau` gives `beta`: `euler` 1 − 1/tau, `exponential` exp(−1/tau).
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
        fang2021, equation 2; zhu2022 (TCJA) uses tau 2, threshold 1 and reset to zero.
    """

    kind: str = "lif"

    def __init__(
        self,
        tau: float | None = None,
        v_threshold: float = 1.0,
        reset: Reset = "zero",
        surrogate: str | Surrogate = "arctan",
        *,
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
        problems += must_be_numbers(self.kind, v_leak=v_leak, gain=1.0 if gain is None else gain)
        super().__init__(v_threshold, reset, v_reset, strict, detach_reset, surrogate, slope, problems)
        self.beta = kept
        self.gain = 1.0 - kept if gain is None else gain
        self.v_leak = v_leak

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"beta={self.beta:g}, {super().extra_repr()}"

    @override
    def dynamics(self) -> Dynamics:
        return Dynamics(
            beta=self.beta,
            gain=self.gain,
            bias=(1.0 - self.beta) * self.v_leak,
            v_start=self.v_leak,
            **self._fields(),
        )
