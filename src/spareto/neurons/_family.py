"""What the neurons of the family share: firing, reset, surrogate, and the way to the fastest kernel."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal, TypedDict, Unpack

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.core.options import Flag, Number
from spareto.core.text import shown
from spareto.kernels import neurons as kernels
from spareto.kernels.dynamics import Dynamics
from spareto.neurons._base import SpikingNeuron, by_steps
from spareto.neurons._checks import check_state, now_of
from spareto.neurons._loop import one_node
from spareto.neurons._step import family_step, fresh, parts_of, used
from spareto.neurons.surrogates import Surrogate
from spareto.neurons.surrogates import registry as surrogates

Reset = Literal["zero", "value", "subtract", "none", "subtract_delayed", "zero_delayed"]
LOW_PRECISION = (torch.float16, torch.bfloat16)


class Firing(TypedDict, total=False):
    """How a neuron of the family fires, what it takes beside its own options.

    Args:
        v_threshold: Firing level [1].
        reset: What a spike does to the membrane potential: `zero` [default] and `value` set it (to
            `v_reset`), `subtract` lowers it by the threshold, `none` leaves it; `subtract_delayed` and
            `zero_delayed` act on the next timestep's potential, its input included.
        v_reset: Where reset `value` sets it [0].
        strict: Fire above the threshold, not at it [False].
        detach_reset: Let no gradient through the reset [True].
        surrogate: Name of the surrogate gradient, or the surrogate itself [arctan].
        slope: The `alpha` of a surrogate given by name [its own default].
    """

    v_threshold: Number
    reset: Reset
    v_reset: Number
    strict: Flag
    detach_reset: Flag
    surrogate: Annotated[str | Surrogate, Rule("the name of a surrogate, or a surrogate itself")]
    slope: Any


class FamilyNeuron(SpikingNeuron):
    """A neuron whose recurrence is that of `kernels/dynamics.py`; a subclass says its coefficients.

    Args:
        firing: See `Firing`.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.
    """

    def __init__(self, **firing: Unpack[Firing]) -> None:
        super().__init__()
        kernels.prepare()
        self.v_threshold = firing.get("v_threshold", 1.0)
        self.reset: Reset = firing.get("reset", "zero")
        self.v_reset = firing.get("v_reset", 0.0)
        self.strict = firing.get("strict", False)
        self.detach_reset = firing.get("detach_reset", True)
        surrogate, slope = firing.get("surrogate", "arctan"), firing.get("slope")
        self._refuse_contradictions(surrogate, slope)
        options = {} if slope is None else {"alpha": slope}
        self.surrogate: Surrogate = (
            surrogates.make(surrogate, **options) if isinstance(surrogate, str) else surrogate
        )

    def _refuse_contradictions(self, surrogate: str | Surrogate, slope: object) -> None:
        problems, where = list[Problem](), f"neuron '{self.kind}'"
        if self.v_reset != 0 and self.reset != "value":
            rule, cure = f"0 with reset '{self.reset}'", "Use reset 'value'."
            problems.append(Problem(f"{where}.v_reset", shown(self.v_reset), rule, cure))
        if slope is not None and not isinstance(surrogate, str):
            rule, cure = "none beside a surrogate that has its own", "Give it to the surrogate as alpha."
            problems.append(Problem(f"{where}.slope", shown(slope), rule, cure))
        if problems:
            raise ConfigError(problems)

    @abstractmethod
    def dynamics(self) -> Dynamics:
        """The coefficients, as the parameters stand."""

    @property
    def surrogate_name(self) -> str:
        """Name of the surrogate gradient."""
        return type(self.surrogate).__module__.rpartition(".")[2]

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"v_threshold={self.v_threshold:g}, reset={self.reset}, {self.surrogate_name}"

    @override
    def initial_state(self, current: Tensor) -> Any:
        return bare(fresh(self.dynamics(), current).there())

    @override
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, Any]:
        dynamics = self.dynamics()
        spikes, after = family_step(dynamics, self.surrogate, current, parts_of(dynamics, as_tuple(state)))
        return spikes, bare(after.there())

    def forward(self, current: Tensor) -> Tensor:
        """See `SpikingNeuron.forward`; one autograd node for the whole time loop."""
        self.check_current(current)
        if current.dtype in LOW_PRECISION:
            return self.forward(current.float()).to(current.dtype)
        dynamics = self.dynamics()
        if kernels.loops(current, dynamics) is not None:
            return kernels.run(current, dynamics, None, last=False)[0]
        if dynamics.learned:
            return by_steps(self, current)[0]
        return one_node(current, dynamics, self.surrogate)

    @override
    def run(self, current: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        self.check_current(current)
        dynamics = self.dynamics()
        if state is not None:
            check_state(self, state, bare((now_of(current),) * sum(used(dynamics))))
        if kernels.loops(current, dynamics) is None:
            return by_steps(self, current, state)
        first = None if state is None else as_tuple(state)
        spikes, *last = kernels.run(current, dynamics, first, last=True)
        return spikes, bare(tuple(last))

    def _fields(self) -> dict[str, Any]:
        """The coefficients of firing, reset and surrogate."""
        surrogate = self.surrogate
        return {
            "v_threshold": self.v_threshold,
            "strict": self.strict,
            "attached": not self.detach_reset,
            "surrogate": surrogate.kernel,
            "slope": surrogate.slope,
            "height": surrogate.height,
            **_RESETS[self.reset](self.v_threshold, self.v_reset),
        }


_RESETS: dict[str, Any] = {
    "zero": lambda threshold, value: {"keep": 0},
    "value": lambda threshold, value: {"keep": 0, "drop": -value},
    "subtract": lambda threshold, value: {"keep": 1, "drop_theta": 1.0},
    "none": lambda threshold, value: {"keep": 1},
    "subtract_delayed": lambda threshold, value: {"keep": 1, "delayed_keep": 1, "delayed_drop": threshold},
    "zero_delayed": lambda threshold, value: {"keep": 1, "delayed_keep": 0},
}


Wrapped = Annotated[str | SpikingNeuron, Rule("the name of a neuron, or a neuron itself")]


def refuse_options(kind: str, neuron: Wrapped, options: dict[str, object]) -> None:
    """Refuse options beside a neuron that is wrapped itself, not by name.

    Raises:
        ConfigError: There are some.
    """
    if options and not isinstance(neuron, str):
        got, rule = f"options {', '.join(options)}", "none beside a neuron that has its own"
        raise ConfigError(Problem(f"neuron '{kind}'", got, rule, "Give them to that neuron."))


def as_tuple(state: Any) -> tuple[Tensor, ...]:
    """A state that may be one tensor, as a tuple of its parts."""
    return state if isinstance(state, tuple) else (state,)


def bare(parts: tuple[Tensor, ...]) -> Any:
    """A state of one part is that tensor itself."""
    return parts[0] if len(parts) == 1 else parts
