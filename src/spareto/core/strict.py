"""Plain data out of JSON of strangers: no more memory and time than a text's size calls for."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn

DEEPEST: Final = 100
"""Levels of lists and mappings inside each other."""

LARGEST_INTEGER: Final = 1 << 63

SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def from_json(text: str) -> Any:
    """The data of a JSON text.

    Raises:
        ValueError: It is none, a key is given twice, or a value is no number one can count with.
    """
    try:
        data = json.loads(text, object_pairs_hook=_unique_object, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"lists or objects more than {DEEPEST} deep") from None
    check(data)
    return data


def check(data: Any) -> None:
    """Refuse what JSON could not give back: numbers without end, halves of characters, levels without end.

    Raises:
        ValueError: Something in it is of that kind.
    """
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = _inside(level)
        if not level:
            return
    if any(type(value) in (dict, list) for value in level):
        raise ValueError(f"lists or mappings more than {DEEPEST} deep")
    _inside(level)


def _inside(values: Sequence[Any]) -> list[Any]:
    """What lists and mappings among values hold, one level down; what is neither is looked at."""
    inner: list[Any] = []
    for value in values:
        kind = type(value)  # pyright: ignore[reportUnknownVariableType]
        if kind is float:
            if not math.isfinite(value):
                raise ValueError(f"the number {value}, which is not finite")
        elif kind is str:
            if not value.isascii() and SURROGATE.search(value):
                raise ValueError(f"half a character in {value[:40]!a}")
        elif kind is int:
            if not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
                raise ValueError("an integer of more than 64 bits")
        elif kind is dict:
            inner += value
            inner += value.values()
        elif kind is list and not _finite_floats(value):
            inner += value
    return inner


def _finite_floats(values: list[Any]) -> bool:
    """Whether a list holds finite fractions alone: a sum of any other is not finite."""
    return set(map(type, values)) == {float} and math.isfinite(sum(values))


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"key {twice[:80]!r} is given twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name}, which is not finite")
