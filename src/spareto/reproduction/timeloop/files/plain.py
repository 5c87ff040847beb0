"""YAML as Timeloop writes it: tags such as `!Component` are kept beside the data they stand before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import yaml

from spareto.core.artifacts import there
from spareto.core.errors import ConfigError, Problem
from spareto.core.plain import from_yaml

TAG: Final = "!tag"  # under this key a tagged mapping keeps its tag
_RANGE = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<first>\d+)\.\.(?P<last>\d+)\])?")


def load(path: str | Path) -> dict[str, Any]:
    """Read a file as plain data.

    Raises:
        ConfigError: It is missing, is no YAML, or holds no mapping at its top.
    """
    path = Path(path)
    if not there(path):
        raise ConfigError(Problem(str(path), "no such file", "a YAML file of Timeloop", "Check the path."))
    try:
        data: Any = from_yaml(path.read_text(encoding="utf-8"), TAG)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(Problem(str(path), reason, "well-formed YAML")) from None
    if not isinstance(data, dict):
        raise ConfigError(Problem(str(path), type(data).__name__, "a mapping at the top of the file"))
    return cast("dict[str, Any]", data)


def section(data: Mapping[str, Any], key: str, where: str) -> Any:
    """What stands under a key.

    Raises:
        ConfigError: Nothing does.
    """
    if key not in data:
        raise ConfigError(Problem(where, f"the keys {', '.join(map(str, data))}", f"a key '{key}'"))
    return data[key]


def as_mapping(value: Any, where: str) -> dict[str, Any]:
    """A mapping with names for keys; an empty one for nothing.

    Raises:
        ConfigError: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(Problem(where, repr(value)[:60], "a mapping"))
    given = cast("Mapping[Any, Any]", value)
    return {str(key): each for key, each in given.items()}


def as_list(value: Any, where: str) -> list[Any]:
    """A list; an empty one for nothing.

    Raises:
        ConfigError: It is something else.
    """
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(Problem(where, repr(value)[:60], "a list"))
    return list(cast("Sequence[Any]", value))


def number(value: Any, where: str, *, whole: bool = False, least: float = 0.0) -> float:
    """A number, which may stand in quotes.

    Raises:
        ConfigError: It is none, below `least`, or not whole where it must be.
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    kind = "a whole number" if whole else "a number"
    if isinstance(value, bool) or not least <= found <= 1e15 or (whole and found != round(found)):
        raise ConfigError(Problem(where, repr(value)[:60], f"{kind} from {least:g} to 1e+15"))
    return found


def ranged(name: str, where: str) -> tuple[str, int]:
    """A name and how many there are: `PE[0..167]` is 168 of `PE`.

    Raises:
        ConfigError: The range runs backwards or cannot be read.
    """
    match = _RANGE.fullmatch(name)
    count = int(match["last"]) - int(match["first"]) + 1 if match and match["first"] else 1
    if not match or count < 1:
        raise ConfigError(Problem(where, repr(name), "NAME or NAME[FIRST..LAST]"))
    return match["name"], count
