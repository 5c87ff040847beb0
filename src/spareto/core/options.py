"""Options of variants: what a constructor's annotations say is held by one routine when it is called.

A base class calls `hold_options` in its `__init_subclass__`; a variant then only annotates what it takes:

    Width = Annotated[int, Field(ge=2, le=16), Rule("an integer from 2 to 16")]
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache, partial, wraps
from typing import Annotated, Any, Final, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from spareto.core.config import Rule, problems_of
from spareto.core.constructors import HOLDS, NAMED, unknown_options, unpacked
from spareto.core.errors import ConfigError, Problem

Count = Annotated[int, Field(ge=1), Rule("an integer of at least 1")]
Flag = Annotated[bool, Rule("True or False")]
Number = Annotated[float, Field(gt=-1e30, lt=1e30), Rule("a finite number")]
Positive = Annotated[float, Field(gt=0, lt=1e30), Rule("a number above 0")]
Portion = Annotated[float, Field(ge=0, le=1), Rule("a share from 0 to 1")]
"""Rules that variants of several kinds have in common."""

_HELD: Final = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
_OTHERS: Final = "**"


def power_of_two(value: float) -> float:
    """A validator: the value, if it is a power of two.

    Raises:
        ValueError: It is none.
    """
    if math.frexp(value)[0] != 0.5:
        raise ValueError
    return value


def hold_options(cls: type[Any], kind: str) -> None:
    """Let the constructor that a class defines check its arguments against their annotations.

    Args:
        cls: The class; one that defines no constructor stays as it is.
        kind: What it is called in messages, before the name of its file: `neuron`.
    """
    if "__init__" in vars(cls):
        cls.__init__ = _held(cls.__init__, kind)


def place_of(variant: object, kind: str) -> str:
    """What messages call a variant: by the name of its file."""
    return f"{kind} '{type(variant).__module__.rpartition('.')[2]}'"


def _held(init: Callable[..., None], kind: str) -> Callable[..., None]:
    @wraps(init)
    def held(self: Any, *values: Any, **named: Any) -> None:
        if type(self).__init__ is held:  # a base's constructor is given what was checked before
            given, place = dict(zip(_positional(init), values, strict=False)) | named, place_of(self, kind)
            adapters = _adapters(init)
            unknown = [] if _OTHERS in adapters else unknown_options(place, place, named, tuple(adapters))
            if problems := [*unknown, *_wrong(init, place, given)]:
                raise ConfigError(problems)
        init(self, *values, **named)

    setattr(held, HOLDS, partial(_wrong, init))
    return held


def _wrong(init: Callable[..., None], place: str, given: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    for name, adapter in _adapters(init).items():
        if name in given:
            try:
                adapter.validate_python(given[name])
            except ValidationError as error:
                problems += problems_of(error, given[name], f"{place}.{name}")
    return problems


@cache
def _positional(init: Callable[..., None]) -> tuple[str, ...]:
    """Names of the arguments that may be given without, `self` aside."""
    parameters = inspect.signature(init).parameters.values()
    return tuple(each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD)[1:]


@cache
def _adapters(init: Callable[..., None]) -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(init, include_extras=True)
    found: dict[str, Any] = {}
    for parameter in list(inspect.signature(init).parameters.values())[1:]:
        hint = hints.get(parameter.name, Any)
        if parameter.kind in NAMED:
            found[parameter.name] = hint
        elif parameter.kind is parameter.VAR_KEYWORD:
            shared = unpacked(hint)
            found |= {_OTHERS: Any} if shared is None else shared
    return {name: TypeAdapter(hint, config=_HELD) for name, hint in found.items()}
