"""The integrate-and-fire neuron, which does not leak."""

from __future__ import annotations

from typing_extensions import override

from spareto.kernels.dynamics import Dynamics
from spareto.neurons._family import FamilyNeuron, Reset, must_be_numbers
from spareto.neurons.surrogates import Surrogate


class IAF(FamilyNeuron):
    """Integrate-and-fire neuron: `h[t] = v[t-1] + gain · x[t]`.

    Args:
        v_threshold: Firing level.
        reset: What a spike does to the membrane potential, see `FamilyNeuron`.
        surrogate: Name of the surrogate gradient, or the surrogate itself.
        gain: Factor of the input.
        v_reset: Where reset `value` sets the membrane potential.
        v_start: Membrane potential before the first timestep.
        strict: Fire above the threshold, not at it.
        detach_reset: Let no gradient through the reset.
        slope: The surrogate's `alpha`; left out, its default.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.
    """

    kind: str = "iaf"

    def __init__(
        self,
        v_threshold: float = 1.0,
        reset: Reset = "zero",
        surrogate: str | Surrogate = "arctan",
        *,
        gain: float = 1.0,
        v_reset: float = 0.0,
        v_start: float = 0.0,
        strict: bool = False,
        detach_reset: bool = True,
        slope: float | None = None,
    ) -> None:
        problems = must_be_numbers(self.kind, gain=gain, v_start=v_start)
        super().__init__(v_threshold, reset, v_reset, strict, detach_reset, surrogate, slope, problems)
        self.gain = gain
        self.v_start = v_start

    @override
    def dynamics(self) -> Dynamics:
        return Dynamics(beta=1.0, gain=self.gain, v_start=self.v_start, **self._fields())
