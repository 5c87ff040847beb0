"""What a framework is to an export: how it writes one of our neurons, and how it runs them over time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch

from spareto.core.errors import ConfigError, Problem
from spareto.kernels.dynamics import Dynamics
from spareto.neurons import SpikingNeuron
from spareto.neurons._family import FamilyNeuron
from spareto.neurons.multi_spike import MultiSpike


@dataclass(frozen=True)
class Written:
    """A neuron as another framework's code.

    Args:
        code: An expression that makes it.
        scale: What its currents are multiplied with before.
    """

    code: str
    scale: float = 1.0


@dataclass(frozen=True)
class ExportedNeuron:
    """One of our neurons, taken apart.

    Args:
        place: Its name in messages.
        family: The neuron whose recurrence it is.
        dynamics: Its coefficients, as numbers.
        reset: Its reset.
        most: Largest count, 0 for no limit; None for one that spikes.
    """

    place: str
    family: FamilyNeuron
    dynamics: Dynamics
    reset: str
    most: int | None

    @property
    def beta(self) -> float:
        """Share of the potential kept over a timestep."""
        return value_of(self.dynamics.beta)

    @property
    def gain(self) -> float:
        """Factor of the input."""
        return value_of(self.dynamics.gain)

    @property
    def alpha(self) -> float | None:
        """Share of the current kept over a timestep; None without a current."""
        alpha = self.dynamics.alpha
        return None if alpha is None else value_of(alpha)

    @property
    def leak(self) -> float:
        """Potential that the membrane leaks towards and starts from."""
        return value_of(self.dynamics.v_start)

    def refuse(self, got: str, rule: str, cure: str) -> ConfigError:
        """What is raised of a neuron that the framework does not have."""
        return ConfigError(Problem(f"'{self.place}'", got, rule, cure))

    def threshold(self, *, strict: bool) -> float:
        """A threshold under which a framework that fires above it, or at it, fires where ours does.

        Single-precision numbers are counted: what is above one is at or above the next.

        Raises:
            ConfigError: The reset takes off the threshold, which must stay what it is.
        """
        level = self.family.v_threshold
        if self.family.strict == strict:
            return level
        if self.reset.startswith("subtract"):
            mine, its = ("above", "at") if self.family.strict else ("at", "above")
            got = f"a neuron that fires {mine} its threshold, and resets by subtraction"
            cure = f"Train it with strict={strict}, or with reset 'zero'."
            raise self.refuse(got, f"one that fires {its} it, as the framework's do", cure)
        toward = torch.tensor(float("-inf") if strict else float("inf"))
        return float(torch.nextafter(torch.tensor(level), toward))


class TargetFramework(ABC):
    """A framework that networks are written for; one file each in `exporting/`."""

    imports: ClassVar[str]
    """Lines that its code begins with."""
    run: ClassVar[str]
    """A function `fire(neuron, currents, back)` over `(time, batch, ...)`, as code."""

    @abstractmethod
    def neuron(self, neuron: ExportedNeuron) -> Written:
        """A neuron as code.

        Raises:
            ConfigError: The framework has none that gives the same spikes.
        """


def taken_apart(place: str, neuron: SpikingNeuron) -> ExportedNeuron:
    """One of our neurons, but for what feeds back.

    Raises:
        ConfigError: It is none of the family, or its threshold adapts.
    """
    most = None
    inner = neuron
    if isinstance(neuron, MultiSpike):
        inner, most = neuron.neuron, neuron.most or 0
    if not isinstance(inner, FamilyNeuron) or inner.dynamics().adapt_decay is not None:
        rule = "iaf, lif, plif or synaptic, recurrent or counted, as they are"
        cure = "Build the network of these."
        raise ConfigError(Problem(f"'{place}'", type(neuron).__name__, rule, cure))
    return ExportedNeuron(place, inner, inner.dynamics(), inner.reset, most)


def value_of(coefficient: float | torch.Tensor) -> float:
    """A coefficient as a number, also a learned one."""
    return float(coefficient.detach()) if isinstance(coefficient, torch.Tensor) else float(coefficient)


def number(value: float) -> str:
    """A number as code: exactly this one."""
    return repr(float(value))
