"""How a network takes its input and gives its answer, in one declaration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypedDict, get_args

from torch import nn

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.core.text import shown

Time = Literal["calls", "time-batch", "batch-time"]
Vote = Literal["mean", "sum", "last", "max"]
NEVER: Final = "none"


@dataclass(frozen=True)
class Interface:
    """How a network is run; what is left out is found by a probe, or asked for.

    Args:
        time: What one call takes: `calls` one timestep `(batch, ...)`, so that the network is called once a
            timestep; `time-batch` all of them, `(time, batch, ...)`; `batch-time` `(batch, time, ...)`.
        output: Which part of the output is the answer: the item of a tuple, the key of a dict.
        vote: How an answer over time becomes one a sample: `mean`, `sum`, `last` or `max` of the timesteps.
        reset: What puts kept states back: a function of the network, the name of a method, or `none`. Left
            out, the states of the known frameworks are reset.

    Raises:
        ConfigError: A value is not allowed; all are named.
    """

    time: Time | None = None
    output: int | str | None = None
    vote: Vote | None = None
    reset: str | Callable[[nn.Module], object] | None = None

    def __post_init__(self) -> None:
        problems = [
            *_not_one_of("time", self.time, get_args(Time)),
            *_not_one_of("vote", self.vote, get_args(Vote)),
        ]
        if isinstance(self.output, bool) or not isinstance(self.output, int | str | None):
            rule = "the item of a tuple, a number, or the key of a dict, a name"
            problems.append(Problem("output", shown(self.output), rule))
        if not (self.reset is None or isinstance(self.reset, str) or callable(self.reset)):
            rule = f"a function of the network, the name of a method, or '{NEVER}'"
            problems.append(Problem("reset", shown(self.reset), rule))
        if problems:
            raise ConfigError(problems)


class How(TypedDict, total=False):
    """The keywords that say how a network is run: those of `Interface`, or `interface`, all in one."""

    time: Time | None
    output: int | str | None
    vote: Vote | None
    reset: str | Callable[[nn.Module], object] | None
    interface: Interface | None


def interface_of(interface: Interface | None = None, **options: Any) -> Interface:
    """One interface from an interface or its options.

    Raises:
        ConfigError: Both are given, or a value is not allowed.
    """
    stated = {name: value for name, value in options.items() if value is not None}
    if interface is None:
        return Interface(**stated)
    if not isinstance(interface, Interface):
        raise ConfigError(
            Problem("interface", shown(interface), "an Interface", "Use spareto.Interface(...).")
        )
    if stated:
        cure = "Put them into the interface."
        raise ConfigError(Problem("interface", f"an Interface and {', '.join(stated)}", "one of both", cure))
    return interface


def options_of(interface: Interface) -> dict[str, Any]:
    """What an interface states, by name: for messages and fingerprints."""
    stated = {field.name: getattr(interface, field.name) for field in fields(interface)}
    return {name: value for name, value in stated.items() if value is not None}


def _not_one_of(name: str, value: object, allowed: tuple[str, ...]) -> list[Problem]:
    if value is None or (isinstance(value, str) and value in allowed):
        return []
    return [Problem(name, shown(value), one_of(allowed), did_you_mean(value, allowed))]
