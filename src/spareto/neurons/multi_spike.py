"""Any neuron of the family, firing as often in a timestep as its membrane potential allows."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.neurons import registry
from spareto.neurons._base import SpikingNeuron
from spareto.neurons._family import FamilyNeuron, Wrapped, as_tuple, bare, refuse_options
from spareto.neurons._spike import count
from spareto.neurons._step import charge, following, parts_of, threshold
from spareto.neurons.alif import ALIF

MOST: Final = 1 << 24
"""Largest count; single precision holds no larger whole numbers one by one."""

Most = Annotated[int, Field(ge=1, le=MOST), Rule(f"an integer from 1 to {MOST:,}, or None")]


class MultiSpike(SpikingNeuron):
    """Emits how many thresholds the membrane potential holds, and takes them all off it.

        n[t] = floor(h[t] / theta[t]), at least 0 and at most `most`
        v[t] = h[t] − n[t] · theta[t]

    The layer behind sees whole numbers, not bits: it runs dense, and where a count is above 1 its input is
    analog to the cost model, one multiplication a count and live weight. The update is charged as that of the
    named neuron: with a threshold that is a power of two, `n` is the upper digits of the potential and `v`
    the rest. It runs timestep by timestep, without a fused kernel.

    Args:
        neuron: Name of the neuron, or the neuron itself. It resets by subtraction; a named one does if
            `reset` is left out.
        most: Largest count; no limit if left out.
        options: What the named neuron's constructor takes.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No neuron has that name.
    """

    counts: bool = True

    def __init__(self, neuron: Wrapped = "lif", most: Most | None = None, **options: Any) -> None:
        super().__init__()
        if isinstance(neuron, str) and issubclass(registry.get(neuron), FamilyNeuron):
            neuron = registry.make(neuron, **{"reset": "subtract", **options})
            options = {}
        self.neuron = _checked(neuron, options)
        self.most = most
        self.as_wrapped(self.neuron, counts=True)

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return "" if self.most is None else f"most={self.most}"

    @override
    def initial_state(self, current: Tensor) -> Any:
        return self.neuron.initial_state(current)

    def step(self, current: Tensor, state: Any) -> tuple[Tensor, Any]:
        """See `SpikingNeuron.step`; counts instead of spikes."""
        dynamics = self.neuron.dynamics()
        before = parts_of(dynamics, as_tuple(state))
        i, _, h = charge(dynamics, current, before)
        theta = threshold(dynamics, before)
        n = count(h, theta, self.neuron.surrogate, dynamics.strict, self.most)
        v = h - (n if dynamics.attached else n.detach()) * theta
        return n, bare(following(dynamics, before, i, v, n).there())


def _checked(neuron: str | SpikingNeuron, ignored: dict[str, Any]) -> FamilyNeuron:
    """A neuron whose thresholds can be counted.

    Raises:
        ConfigError: It is of another kind, its threshold can be 0, or it does not reset by subtraction.
    """
    where = "neuron 'multi_spike'"
    problems: list[Problem] = []
    if not isinstance(neuron, FamilyNeuron):
        got = repr(neuron) if isinstance(neuron, str) else type(neuron).__name__
        problems.append(
            Problem(f"{where}.neuron", got, "a plain neuron, such as 'lif'", "Let the others wrap this one.")
        )
        raise ConfigError(problems)
    refuse_options("multi_spike", neuron, ignored)
    if neuron.reset != "subtract":
        cure = "What is above the thresholds would be lost."
        problems.append(Problem(f"{where}.reset", shown(neuron.reset), "'subtract'", cure))
    if neuron.v_threshold <= 0:
        problems.append(Problem(f"{where}.v_threshold", shown(neuron.v_threshold), "a level above 0"))
    if isinstance(neuron, ALIF) and neuron.adapt_scale < 0:
        rule = "at least 0, so that the threshold stays above 0"
        problems.append(Problem(f"{where}.adapt_scale", shown(neuron.adapt_scale), rule))
    if problems:
        raise ConfigError(problems)
    return neuron
