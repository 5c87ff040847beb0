"""Neurons of NIR in our words: one Euler step of `dt` of its equations a timestep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from spareto.converting.neurons import NeuronPlan
from spareto.core.errors import Problem
from spareto.frameworks.spareto import NEVER
from spareto.interchange.nir.tree import Tree


@dataclass
class NirReading:
    """Parameters of one node, and the problems found in them.

    Args:
        place: Name of the node.
        node: The node.
        dt: Seconds, or whatever the time constants are in, of a timestep.
        reset: What a spike does where the file does not say: `zero`, `subtract` or None.
        surrogate: To train with.
        problems: Found so far.
    """

    place: str
    node: Tree
    dt: float
    reset: str | None = None
    surrogate: str | None = None
    problems: list[Problem] = field(default_factory=list[Problem])

    def refuse(self, what: str, got: str, rule: str, cure: str) -> None:
        """Note something without a counterpart."""
        where = f"node '{self.place}'" + (f".{what}" if what else "")
        self.problems.append(Problem(where, got, rule, cure))

    def number(self, what: str, default: float | None = None) -> float:
        """A number that all neurons of the node share."""
        value = self.node.values.get(what)
        if value is None and default is not None:
            return default
        numeric = isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.size > 0
        if value is None or not numeric:
            self.refuse(what, "nothing" if value is None else "no number", "a number a neuron", "Add it.")
            return 1.0
        if not np.isfinite(value).all():
            self.refuse(what, "a number that is not finite", "a finite one", "Set it to one.")
            return 1.0
        first = float(value.flat[0])
        if (value != value.flat[0]).any():
            got = f"{value.size} values from {value.min():g} to {value.max():g}"
            cure = "Give the node one value, or split it into a node a value."
            self.refuse(what, got, "one value for all neurons of a node", cure)
        return first

    def kept(self, what: str) -> float:
        """The share that is kept over a timestep, `1 - dt / tau`."""
        tau = self.number(what)
        if not tau > 0 or self.dt > tau * (1 + 1e-9):
            rule = f"a time constant of at least dt, {self.dt:g}"
            cure = "Pass the dt that the file was written with."
            if tau > 0 and np.isclose(tau, 1e-5, rtol=0.5):
                cure += " Norse's exporter multiplies by its dt of 0.001 twice: dt=1e-6 reads its files."
            self.refuse(what, f"{tau:g}", rule, cure)
            return 0.0
        return max(0.0, 1.0 - self.dt / tau)

    def firing(self) -> dict[str, Any]:
        """Threshold, reset and surrogate."""
        options: dict[str, Any] = {"v_threshold": self.number("v_threshold"), "strict": True}
        if "v_reset" in self.node.values:
            level = self.number("v_reset")
            options |= {"reset": "zero"} if level == 0 else {"reset": "value", "v_reset": level}
        elif self.reset is None:
            got, rule = "nothing", "what a spike does, which nir before 1.0.6 did not write"
            cure = "Say it: reset='zero', or reset='subtract' as nir 1.0.4 defines it."
            self.refuse("v_reset", got, rule, cure)
        else:
            options["reset"] = self.reset
        return options | ({} if self.surrogate is None else {"surrogate": self.surrogate})


def _if(read: NirReading) -> NeuronPlan:
    return NeuronPlan("iaf", {"gain": read.number("r") * read.dt, **read.firing()})


def _membrane(read: NirReading, tau: str, factor: float = 1.0) -> dict[str, Any]:
    beta, r, leak = read.kept(tau), read.number("r"), read.number("v_leak", 0.0)
    return {"beta": beta, "gain": (1.0 - beta) * r * factor, **({"v_leak": leak} if leak else {})}


def _lif(read: NirReading) -> NeuronPlan:
    return NeuronPlan("lif", {**_membrane(read, "tau"), **read.firing()})


def _current(read: NirReading) -> dict[str, Any]:
    alpha = read.kept("tau_syn")
    into = (1.0 - alpha) * read.number("w_in", 1.0)
    return {"alpha": alpha, **_membrane(read, "tau_mem", into)}


def _cuba(read: NirReading) -> NeuronPlan:
    return NeuronPlan("synaptic", {**_current(read), **read.firing()})


def _potential(name: str, options: dict[str, Any]) -> NeuronPlan:
    return NeuronPlan(name, {**options, "reset": "none", "v_threshold": NEVER}, emits="potential")


def _li(read: NirReading) -> NeuronPlan:
    return _potential("lif", _membrane(read, "tau"))


def _cuba_li(read: NirReading) -> NeuronPlan:
    return _potential("synaptic", _current(read))


def _i(read: NirReading) -> NeuronPlan:
    return _potential("iaf", {"gain": read.number("r") * read.dt})


def _threshold(read: NirReading) -> NeuronPlan:
    options = {} if read.surrogate is None else {"surrogate": read.surrogate}
    level = read.number("threshold")
    return NeuronPlan("lif", {"beta": 0.0, "gain": 1.0, "v_threshold": level, "strict": True, **options})


NEURONS: Final[dict[str, Callable[[NirReading], NeuronPlan]]] = {
    "IF": _if,
    "LIF": _lif,
    "CubaLIF": _cuba,
    "LI": _li,
    "CubaLI": _cuba_li,
    "I": _i,
    "Threshold": _threshold,
}
