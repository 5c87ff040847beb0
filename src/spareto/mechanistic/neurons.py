"""The ODE of a neuron from its voltage trace and the input it had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from spareto.core.errors import ConfigError, Problem, one_of
from spareto.core.text import shown
from spareto.mechanistic.discovery import Discovery, Term, discover, windows

Kind = Literal["lif", "synaptic", "izhikevich"]


@dataclass(frozen=True)
class NeuronEquation:
    """What was found.

    Args:
        kind: Which family.
        constants: By name; their unit follows from those of the trace and the step.
        equation: The equation itself, and what it leaves of the trace.
    """

    kind: Kind
    constants: dict[str, float]
    equation: Discovery


def discover_neuron(
    voltage: Tensor, current: Tensor, step: float, kind: Kind, *, length: int = 200
) -> NeuronEquation:
    """Find the constants of a neuron that does not spike meanwhile.

    `lif`: `tau v' = rest - v + resistance I`. `synaptic`: the same with a current that decays by itself,
    `tau v' = rest - v + resistance i`, `tau_synapse i' = -i + I`, of which only v is seen.
    `izhikevich`: `v' = square v^2 + slope v + offset - u + I`, `u' = a (b v - u)`, of which only v is seen.

    Args:
        voltage: Its trace, float64, shape (T,).
        current: What entered it, shape (T,). Where it jumps, its mean over a step around each timestep.
        step: Time between two timesteps.
        kind: Which family it is of.
        length: Timesteps of the windows that are fitted, each from its own first values.

    Raises:
        ConfigError: Numbers of another type or shape, an unknown kind, or a trace that shows no such neuron.

    Reference:
        izhikevich2003; the others are textbook membranes.
    """
    kinds = {"lif": _lif, "synaptic": _synaptic, "izhikevich": _izhikevich}
    if kind not in kinds:
        raise ConfigError(Problem("kind", shown(kind), one_of(kinds)))
    if voltage.dtype != torch.float64 or current.dtype != torch.float64:
        got = f"{voltage.dtype} and {current.dtype}"
        raise ConfigError(
            Problem("voltage and current", got, "torch.float64", "Call .double(); float32 collapses.")
        )
    if voltage.dim() != 1 or current.shape != voltage.shape or len(voltage) < length or length < 4:
        got = f"shapes {tuple(voltage.shape)} and {tuple(current.shape)}"
        rule = f"one axis of time, equally long, at least a window of {length} timesteps, and that at least 4"
        raise ConfigError(Problem("voltage and current", got, rule))
    v = windows(voltage, length)
    equation, constants = kinds[kind](v, current, step, length)
    if not all(math.isfinite(value) for value in constants.values()):
        raise ConfigError(Problem("voltage", f"a trace of {equation}", f"one of a neuron of kind {kind}"))
    return NeuronEquation(kind, constants, equation)


def _lif(v: Tensor, current: Tensor, step: float, length: int) -> tuple[Discovery, dict[str, float]]:
    one = torch.ones_like(v)
    found = discover(v, step, [Term("v", one, 0), Term("1", one), Term("I", windows(current, length))])
    leak = found["v"]
    return found, {
        "tau": -_over(1, leak),
        "rest": -_over(found["1"], leak),
        "resistance": -_over(found["I"], leak),
    }


def _synaptic(v: Tensor, current: Tensor, step: float, length: int) -> tuple[Discovery, dict[str, float]]:
    one = torch.ones_like(v)
    terms = [Term("v'", one, 1), Term("v", one, 0), Term("1", one), Term("I", windows(current, length))]
    found = discover(v, step, terms, order=2)
    total, product = -found["v'"], -found["v"]  # sum and product of both rates
    inner = total**2 / 4 - product
    rates = (
        (total / 2 - math.sqrt(inner), total / 2 + math.sqrt(inner)) if inner >= 0 else (math.nan, math.nan)
    )
    return found, {
        "tau": _over(1, rates[0]),
        "tau_synapse": _over(1, rates[1]),
        "rest": _over(found["1"], product),
        "resistance": _over(found["I"], product),
    }


def _izhikevich(v: Tensor, current: Tensor, step: float, length: int) -> tuple[Discovery, dict[str, float]]:
    """Without u.

    `v'' = 2 square v v' + (slope - a) v' + a square v^2 + a (slope - b) v + a offset + a I + I'`
    """
    one = torch.ones_like(v)
    slope = torch.gradient(current, spacing=step)[0]
    terms = [
        *(Term("v v'", v, 1), Term("v'", one, 1), Term("v v", v, 0), Term("v", one, 0), Term("1", one)),
        *(Term("I", windows(current, length)), Term("I'", windows(slope, length))),
    ]
    found = discover(v, step, terms, order=2)
    a = found["I"]
    return found, {
        "square": found["v v'"] / 2,
        "slope": found["v'"] + a,
        "offset": _over(found["1"], a),
        "a": a,
        "b": found["v'"] + a - _over(found["v"], a),
    }


def _over(x: float, y: float) -> float:
    return x / y if y else math.nan
