"""Plain data out of JSON of strangers: no more memory and time than a text's size calls for."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn, cast

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
    rest: list[tuple[Any, int]] = [(data, 0)]
    while rest:
        value, depth = rest.pop()
        if isinstance(value, (dict, list)):
            if depth >= DEEPEST:
                raise ValueError(f"lists or mappings more than {DEEPEST} deep")
            if isinstance(value, dict):
                mapping = cast(dict[Any, Any], value)
                rest += [(key, depth + 1) for key in mapping]
                rest += [(inner, depth + 1) for inner in mapping.values()]
            else:
                rest += [(inner, depth + 1) for inner in cast(list[Any], value)]
        elif isinstance(value, str):
            if not value.isascii() and SURROGATE.search(value):
                raise ValueError(f"half a character in {value[:40]!a}")
        elif isinstance(value, int):
            if not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
                raise ValueError("an integer of more than 64 bits")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"the number {value}, which is not finite")


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"key {twice[:80]!r} is given twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name}, which is not finite")
