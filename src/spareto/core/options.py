"""Options of variants: what a constructor's annotations say is held by one routine when it is called.

A base class calls `hold_options` in its `__init_subclass__`; a variant then only annotates what it takes:

    Width = Annotated[int, Field(ge=2, le=16), Rule("an integer from 2 to 16")]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from typing import Annotated, Any, Final, Unpack, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from spareto.core.config import Rule, problems_of
from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of

Count = Annotated[int, Field(ge=1), Rule("an integer of at least 1")]
Flag = Annotated[bool, Rule("True or False")]
Number = Annotated[float, Field(gt=-1e30, lt=1e30), Rule("a finite number")]
Positive = Annotated[float, Field(gt=0, lt=1e30), Rule("a number above 0")]
Portion = Annotated[float, Field(ge=0, le=1), Rule("a share from 0 to 1")]
"""Rules that variants of several kinds have in common."""

_HELD: Final = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
_MARK: Final = "_holds_options"
_OTHERS: Final = "**"
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def hold_options(cls: type[Any], kind: str) -> None:
    """Let the constructor that a class defines check its arguments against their annotations.

    Args:
        cls: The class; one that defines no constructor stays as it is.
        kind: What it is called in messages, before the name of its file: `neuron`.
    """
    if "__init__" in vars(cls):
        cls.__init__ = _held(cls.__init__, kind)


def options_of(cls: type[Any]) -> tuple[Mapping[str, bool], bool]:
    """What a constructor takes, and whether it has to be given; and whether it takes any other name."""
    named, others = dict[str, bool](), False
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind in _NAMED:
            named[parameter.name] = parameter.default is parameter.empty
        elif parameter.kind is parameter.VAR_KEYWORD:
            shared = _unpacked(get_type_hints(cls.__init__, include_extras=True).get(parameter.name))
            named |= dict.fromkeys(shared or {}, False)
            others = shared is None
    return named, others


def problems_with(cls: type[Any], place: str, who: str, given: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the options that a constructor is to be given by name.

    Args:
        cls: The class.
        place: Path of the options in messages.
        who: What messages call the class.
        given: The options.
    """
    taken, others = options_of(cls)
    problems = [] if others else _unknown(place, who, given, tuple(taken))
    problems += [
        Problem(f"{place}.{option}", "nothing", "a value, for it has no default", f"Pass {option}.")
        for option, needed in taken.items()
        if needed and option not in given
    ]
    return problems + (_wrong(cls.__init__, place, given) if hasattr(cls.__init__, _MARK) else [])


def place_of(variant: object, kind: str) -> str:
    """What messages call a variant: by the name of its file."""
    return f"{kind} '{type(variant).__module__.rpartition('.')[2]}'"


def _held(init: Callable[..., None], kind: str) -> Callable[..., None]:
    @wraps(init)
    def held(self: Any, *values: Any, **named: Any) -> None:
        if type(self).__init__ is held:  # a base's constructor is given what was checked before
            given, place = dict(zip(_positional(init), values, strict=False)) | named, place_of(self, kind)
            adapters = _adapters(init)
            unknown = [] if _OTHERS in adapters else _unknown(place, place, named, tuple(adapters))
            if problems := [*unknown, *_wrong(init, place, given)]:
                raise ConfigError(problems)
        init(self, *values, **named)

    setattr(held, _MARK, True)
    return held


def _unknown(place: str, who: str, given: Iterable[str], known: Sequence[str]) -> list[Problem]:
    rule = one_of(known) if known else f"no option, for {who} has none"
    return [
        Problem(f"{place}.{name}", "an unknown option", rule, did_you_mean(name, known))
        for name in given
        if name not in known
    ]


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
        if parameter.kind in _NAMED:
            found[parameter.name] = hint
        elif parameter.kind is parameter.VAR_KEYWORD:
            shared = _unpacked(hint)
            found |= {_OTHERS: Any} if shared is None else shared
    return {name: TypeAdapter(hint, config=_HELD) for name, hint in found.items()}


def _unpacked(hint: Any) -> dict[str, Any] | None:
    """The options of `**options: Unpack[Shared]`."""
    return get_type_hints(get_args(hint)[0], include_extras=True) if get_origin(hint) is Unpack else None
