"""What a caller hands over, looked at at the door: a wrong type is an error with the argument's name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from spareto.core.errors import ConfigError, Problem, UnknownName, did_you_mean, one_of
from spareto.core.limits import MOST_SEED
from spareto.core.text import shown

KindT = TypeVar("KindT")


def of_kind(
    value: Any, kind: type[KindT] | tuple[type[KindT], ...], name: str, rule: str, cure: str = ""
) -> KindT:
    """The value, if it is of that class, or of one of several.

    Raises:
        ConfigError: It is of another.
    """
    if isinstance(value, kind):
        return value
    said = shown(value) if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
    raise ConfigError(Problem(name, said, rule, cure))


def whole(value: Any, name: str, least: int, most: int) -> int:
    """The value, if it is a whole number in that range.

    Raises:
        ConfigError: It is not.
    """
    number = of_kind(value, int, name, "an integer")
    if isinstance(value, bool) or not least <= number <= most:
        raise ConfigError(Problem(name, shown(value), f"an integer from {least} to {most:,}"))
    return number


def word(value: Any, name: str, known: Sequence[str]) -> str:
    """The value, if it is one of the words that are known.

    Raises:
        UnknownName: It is none of them; the nearest is named.
    """
    if value in known:
        return value
    cure = did_you_mean(value, known) if isinstance(value, str) else ""
    raise UnknownName(Problem(name, shown(value), one_of(known), cure))


def seed_of(value: Any) -> int:
    """A seed, if it is one.

    Raises:
        ConfigError: It is none.
    """
    return whole(value, "seed", 0, MOST_SEED)


def path_of(value: Any, name: str) -> Path:
    """A path, if it is one.

    Raises:
        ConfigError: It is none.
    """
    path = Path(os.fspath(of_kind(value, (str, os.PathLike), name, "the path of a file")))  # pyright: ignore
    if not path.name:
        raise ConfigError(Problem(name, shown(str(value)), "the path of a file"))
    return path
