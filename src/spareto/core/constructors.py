"""What a constructor takes, read from its signature; without what checks values, which a runtime lacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Unpack, get_args, get_origin, get_type_hints

from spareto.core.errors import Problem, did_you_mean, one_of

HOLDS: Final = "_wrong_options"
"""Attribute of a constructor that finds what is wrong with the values it is given; see `core.options`."""

NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
"""Kinds of arguments that can be given by name."""


def options_of(cls: type[Any]) -> tuple[Mapping[str, bool], bool]:
    """What a constructor takes, and whether it has to be given; and whether it takes any other name."""
    named, others = dict[str, bool](), False
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind in NAMED:
            named[parameter.name] = parameter.default is parameter.empty
        elif parameter.kind is parameter.VAR_KEYWORD:
            shared = unpacked(get_type_hints(cls.__init__, include_extras=True).get(parameter.name))
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
    problems = [] if others else unknown_options(place, who, given, tuple(taken))
    problems += [
        Problem(f"{place}.{option}", "nothing", "a value, for it has no default", f"Pass {option}.")
        for option, needed in taken.items()
        if needed and option not in given
    ]
    wrong: Callable[[str, Mapping[str, Any]], list[Problem]] | None = getattr(cls.__init__, HOLDS, None)
    return problems if wrong is None else [*problems, *wrong(place, given)]


def unknown_options(place: str, who: str, given: Iterable[str], known: Sequence[str]) -> list[Problem]:
    """A problem for each option that a constructor does not take."""
    rule = one_of(known) if known else f"no option, for {who} has none"
    return [
        Problem(f"{place}.{name}", "an unknown option", rule, did_you_mean(name, known))
        for name in given
        if name not in known
    ]


def unpacked(hint: Any) -> dict[str, Any] | None:
    """The options of `**options: Unpack[Shared]`."""
    return get_type_hints(get_args(hint)[0], include_extras=True) if get_origin(hint) is Unpack else None
