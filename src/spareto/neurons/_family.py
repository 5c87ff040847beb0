"""What the neurons of the family share: firing, reset, surrogate, and the way to the fastest kernel."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Final, Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
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
LARGEST: Final = 1e30
LOW_PRECISION = (torch.float16, torch.bfloat16)


class FamilyNeuron(SpikingNeuron):
    """A neuron whose recurrence is that of `kernels/dynamics.py`; a subclass says its coefficients.

    Args:
        v_threshold: Firing level.
        reset: What a spike does to the membrane potential: `zero` and `value` set it (to `v_reset`),
            `subtract` lowers it by the threshold, `none` leaves it; `subtract_delayed` and `zero_delayed`
            act on the next timestep's potential, its input included.
        v_reset: Where reset `value` sets it.
        strict: Fire above the threshold, not at it.
        detach_reset: Let no gradient through the reset.
        surrogate: Name of the surrogate gradient, or the surrogate itself.
        slope: The `alpha` of a surrogate given by name; left out, its default.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No surrogate has that name.
    """

    def __init__(
        self,
        v_threshold: float,
        reset: Reset,
        v_reset: float,
        strict: bool,
        detach_reset: bool,
        surrogate: str | Surrogate,
        slope: float | None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__()
        kernels.prepare()
        problems += _problems(self.kind, v_threshold, reset, v_reset)
        problems += must_be_flags(self.kind, strict=strict, detach_reset=detach_reset)
        problems += _surrogate_problems(self.kind, surrogate, slope)
        if problems:
            raise ConfigError(problems)
        self.v_threshold = v_threshold
        self.reset: Reset = reset
        self.v_reset = v_reset
        self.strict = strict
        self.detach_reset = detach_reset
        options = {} if slope is None else {"alpha": slope}
        self.surrogate: Surrogate = (
            surrogates.make(surrogate, **options) if isinstance(surrogate, str) else surrogate
        )

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


def _problems(kind: str, v_threshold: float, reset: str, v_reset: float) -> tuple[Problem, ...]:
    problems = list(must_be_numbers(kind, v_threshold=v_threshold, v_reset=v_reset))
    if reset not in get_args(Reset):
        rule, cure = one_of(get_args(Reset)), did_you_mean(reset, get_args(Reset))
        problems.append(Problem(f"neuron '{kind}'.reset", shown(reset), rule, cure))
    elif v_reset != 0 and reset != "value":
        rule, cure = f"0 with reset '{reset}'", "Use reset 'value'."
        problems.append(Problem(f"neuron '{kind}'.v_reset", shown(v_reset), rule, cure))
    return tuple(problems)


def _surrogate_problems(kind: str, surrogate: object, slope: object) -> tuple[Problem, ...]:
    where = f"neuron '{kind}'"
    if not isinstance(surrogate, str | Surrogate):
        rule = "the name of a surrogate, or a surrogate itself"
        return (Problem(f"{where}.surrogate", shown(surrogate), rule),)
    if slope is not None and not isinstance(surrogate, str):
        rule = "none beside a surrogate that has its own"
        return (Problem(f"{where}.slope", shown(slope), rule, "Give it to the surrogate as alpha."),)
    return ()


def must_be_a_neuron(kind: str, neuron: object, options: dict[str, object]) -> tuple[Problem, ...]:
    """What is wrong with the neuron that another wraps, given by name with its options, or itself."""
    where = f"neuron '{kind}'"
    if not isinstance(neuron, str | SpikingNeuron):
        return (Problem(f"{where}.neuron", shown(neuron), "the name of a neuron, or a neuron itself"),)
    if options and not isinstance(neuron, str):
        got, rule = f"options {', '.join(options)}", "none beside a neuron that has its own"
        return (Problem(where, got, rule, "Give them to that neuron."),)
    return ()


def must_be_flags(kind: str, **parameters: object) -> tuple[Problem, ...]:
    """What is wrong with parameters that are either on or off."""
    return tuple(
        Problem(f"neuron '{kind}'.{name}", shown(value), "True or False")
        for name, value in parameters.items()
        if not isinstance(value, bool)
    )


def must_be_numbers(kind: str, **parameters: object) -> tuple[Problem, ...]:
    """What is wrong with parameters that may be any finite number."""
    return tuple(
        Problem(f"neuron '{kind}'.{name}", shown(value), "a finite number")
        for name, value in parameters.items()
        if not is_number(value)
    )


def is_number(value: object) -> bool:
    """Whether a parameter is a finite number, also in single precision."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def as_tuple(state: Any) -> tuple[Tensor, ...]:
    """A state that may be one tensor, as a tuple of its parts."""
    return state if isinstance(state, tuple) else (state,)


def bare(parts: tuple[Tensor, ...]) -> Any:
    """A state of one part is that tensor itself."""
    return parts[0] if len(parts) == 1 else parts
