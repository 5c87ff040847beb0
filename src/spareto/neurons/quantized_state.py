"""Any neuron, with the state a chip would keep: a few bits, saturating."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.options import power_of_two
from spareto.neurons._family import Wrapped
from spareto.neurons._storing import StateBits, StoringNeuron

PowerOfTwo = Annotated[
    float,
    Field(gt=0, lt=1e30),
    AfterValidator(power_of_two),
    Rule("a power of two, such as 2"),
]


class QuantizedState(StoringNeuron):
    """Runs a neuron's own step, then stores its state in signed fixed point.

        s[t], u[t] = neuron.step(x[t], v[t-1])
        v[t] = q · round(clamp(u[t] / q, −n, n))       q = v_max / 2^(bits−1),  n = 2^(bits−1) − 1

    Zero stays zero, and so does what is a whole number of steps. The gradient passes straight through the
    rounding, and not at all where the state saturates; see `StoringNeuron`.

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
        self, neuron: Wrapped = "lif", bits: StateBits = 8, v_max: PowerOfTwo = 2.0, **options: Any
    ) -> None:
        super().__init__(neuron, bits, options)
        self.v_max = float(v_max)

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"bits={self.bits}, v_max={self.v_max:g}"

    @override
    def state_step(self) -> float:
        return self.v_max / 2 ** (self.bits - 1)
