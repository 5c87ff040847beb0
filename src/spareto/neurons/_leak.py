"""How much of a state variable a timestep keeps: `tau` and `beta` are related here and nowhere else."""

from __future__ import annotations

import math
from typing import Literal, get_args

from spareto.core.errors import Problem, did_you_mean, one_of
from spareto.core.text import shown
from spareto.neurons._family import is_number

Decay = Literal["euler", "exponential"]


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
) -> tuple[float, tuple[Problem, ...]]:
    """The share kept, given as a time constant, as itself or not at all, and what is wrong with it.

    Args:
        kind: Name of the neuron.
        tau: Name and value of the time constant, timesteps.
        beta: Name and value of the share itself.
        decay: Relation of the two.
        default_tau: Time constant if neither is given.
    """
    where = f"neuron '{kind}'"
    (tau_name, time), (beta_name, kept) = tau, beta
    problems: list[Problem] = []
    if time is not None and kept is not None:
        got, rule = f"{tau_name} {time!r} and {beta_name} {kept!r}", "one of the two"
        problems.append(Problem(where, got, rule, "Leave one out."))
    least = "of at least 1" if decay == "euler" else "above 0"
    if time is not None and not (is_number(time) and (time >= 1 or (decay != "euler" and time > 0))):
        rule = f"a number of timesteps {least}"
        problems.append(Problem(f"{where}.{tau_name}", shown(time), rule))
    if kept is not None and not (is_number(kept) and 0 <= kept <= 1):
        problems.append(Problem(f"{where}.{beta_name}", shown(kept), "a share from 0 to 1"))
    if decay not in get_args(Decay):
        cure = did_you_mean(decay, get_args(Decay))
        problems.append(Problem(f"{where}.decay", shown(decay), one_of(get_args(Decay)), cure))
    if problems:
        return 0.0, tuple(problems)
    return float(kept) if kept is not None else beta_of(time or default_tau, decay), ()
