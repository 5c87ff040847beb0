"""How much of a state variable a timestep keeps: `tau` and `beta` are related here and nowhere else."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Unpack

from pydantic import Field
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.core.options import Number, Portion
from spareto.core.text import shown
from spareto.neurons._family import FamilyNeuron, Firing

Decay = Literal["euler", "exponential"]
Time = Annotated[float, Field(gt=0, lt=1e30), Rule("a number of timesteps above 0")]


class Leak(Firing, total=False):
    """How a membrane leaks, beside `tau`, and how it fires.

    Args:
        beta: Share of the membrane potential kept over a timestep, instead of `tau`.
        decay: How a time constant gives a share: `euler` [default] 1 − 1/tau, `exponential` exp(−1/tau).
        gain: Factor of the input; 1 − beta if left out, 1 for an input that is not scaled.
        v_leak: Potential that the membrane leaks towards and starts from [0].
    """

    beta: Portion | None
    decay: Decay
    gain: Number | None
    v_leak: Number


class LeakyNeuron(FamilyNeuron):
    """A membrane that leaks with one time constant.

    Args:
        tau: Membrane time constant in timesteps, at least 1 (1 forgets at once); 2 if `beta` is left out too.
        beta: See `Leak`, as the others.
        decay: See `Leak`.
        gain: See `Leak`.
        v_leak: See `Leak`.
        firing: See `Firing`.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.
    """

    def __init__(
        self,
        tau: Time | None = None,
        *,
        beta: Portion | None = None,
        decay: Decay = "euler",
        gain: Number | None = None,
        v_leak: Number = 0.0,
        **firing: Unpack[Firing],
    ) -> None:
        kept = share(self.kind, ("tau", tau), ("beta", beta), decay, 2.0)
        super().__init__(**firing)
        self.beta, self.v_leak = kept, v_leak
        self.gain = 1.0 - kept if gain is None else gain

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"beta={self.beta:g}, {super().extra_repr()}"

    @override
    def _fields(self) -> dict[str, Any]:
        leak = {"beta": self.beta, "gain": self.gain, "v_start": self.v_leak}
        return {**leak, "bias": (1.0 - self.beta) * self.v_leak, **super()._fields()}


def beta_of(tau: float, decay: Decay = "euler") -> float:
    """Share kept over a timestep by a leak of time constant `tau`, timesteps.

    `1 − 1/tau` is one Euler step of `tau dv/dt = −v`, `exp(−1/tau)` its exact solution.
    """
    return 1.0 - 1.0 / tau if decay == "euler" else math.exp(-1.0 / tau)


def share(
    kind: str,
    tau: tuple[str, float | None],
    beta: tuple[str, float | None],
    decay: Decay,
    default_tau: float,
) -> float:
    """The share kept, given as a time constant, as itself or not at all.

    Args:
        kind: Name of the neuron.
        tau: Name and value of the time constant, timesteps.
        beta: Name and value of the share itself.
        decay: Relation of the two.
        default_tau: Time constant if neither is given.

    Raises:
        ConfigError: Both are given, or the time constant is too short.
    """
    where, problems = f"neuron '{kind}'", list[Problem]()
    (tau_name, time), (beta_name, kept) = tau, beta
    if time is not None and kept is not None:
        got, rule = f"{tau_name} {time!r} and {beta_name} {kept!r}", "one of the two"
        problems.append(Problem(where, got, rule, "Leave one out."))
    if time is not None and time < 1 and decay == "euler":
        problems.append(Problem(f"{where}.{tau_name}", shown(time), "a number of timesteps of at least 1"))
    if problems:
        raise ConfigError(problems)
    return float(kept) if kept is not None else beta_of(time or default_tau, decay)
