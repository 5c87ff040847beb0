"""Any neuron, with the state a chip would keep: a few bits, saturating."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.neurons import SpikingNeuron, registry
from spareto.neurons._family import is_number, must_be_a_neuron
from spareto.neurons._fixed_point import stored


class QuantizedState(SpikingNeuron):
    """Runs a neuron's own step, then stores its state in signed fixed point.

        s[t], u[t] = neuron.step(x[t], v[t-1])
        v[t] = clamp(round(u[t] / q), −n, n) · q       q = v_max / 2^(bits−1),  n = 2^(bits−1) − 1

    Zero stays zero, and so does what is a whole number of steps. The gradient passes straight through the
    rounding, and not at all where the state saturates. It runs timestep by timestep, without a fused kernel.

    Args:
        neuron: Name of the neuron, or the neuron itself.
        bits: Width of one stored state variable, 2..16.
        v_max: Where the state saturates, but for the last step: a power of two, so that steps are too.
        options: What the named neuron's constructor takes.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No neuron has that name.
    """

    def __init__(
        self, neuron: str | SpikingNeuron = "lif", bits: int = 8, v_max: float = 2.0, **options: Any
    ) -> None:
        super().__init__()
        _check(bits, v_max, must_be_a_neuron("quantized_state", neuron, options))
        self.neuron = registry.make(neuron, **options) if isinstance(neuron, str) else neuron
        self.bits, self.v_max = bits, float(v_max)
        self.kind = self.neuron.kind  # pyright: ignore[reportAttributeAccessIssue]
        self.states = self.neuron.states  # pyright: ignore[reportAttributeAccessIssue]
        self.counts = self.neuron.counts  # pyright: ignore[reportAttributeAccessIssue]

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"bits={self.bits}, v_max={self.v_max:g}"

    @property
    def state_bits(self) -> int:
        """Width of one stored state variable."""
        return self.bits

    def check_current(self, current: Tensor) -> None:
        """See `SpikingNeuron.check_current`: the wrapped neuron knows."""
        self.neuron.check_current(current)

    @override
    def initial_state(self, current: Tensor) -> Any:
        return self._stored(self.neuron.initial_state(current))

    @override
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, Any]:
        spikes, state = self.neuron.step(current, state)
        return spikes, self._stored(state)

    def _stored(self, state: Any) -> Any:
        most = 2 ** (self.bits - 1)
        return stored(state, self.v_max / most, most - 1)


def _check(bits: int, v_max: float, found: tuple[Problem, ...]) -> None:
    problems = list(found)
    if not (isinstance(bits, int) and not isinstance(bits, bool) and 2 <= bits <= 16):
        place = "neuron 'quantized_state'.bits"
        problems.append(Problem(place, shown(bits), "an integer from 2 to 16"))
    if not (is_number(v_max) and v_max > 0 and math.frexp(v_max)[0] == 0.5):
        place = "neuron 'quantized_state'.v_max"
        problems.append(Problem(place, shown(v_max), "a power of two, such as 2"))
    if problems:
        raise ConfigError(problems)
