"""From what a file says to what an accelerator is built of: estimates looked up, single values overridden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.hardware.tables import estimate


def resolved(data: Any, where: str) -> Any:
    """The same data with every `{estimate: {...}}` replaced by its number, unit and source.

    Raises:
        ConfigError: An estimate has unknown or missing keys, or leaves its table; the first is named.
        UnknownName: No such table.
    """
    if isinstance(data, Mapping):
        given = cast("Mapping[str, Any]", data)
        if set(given) == {"estimate"} and isinstance(given["estimate"], Mapping):
            return estimate(cast("Mapping[str, Any]", given["estimate"]), f"{where}.estimate")
        return {key: resolved(value, f"{where}.{key}") for key, value in given.items()}
    if isinstance(data, list):
        items = cast("list[Any]", data)
        return [resolved(value, f"{where}[{place}]") for place, value in enumerate(items)]
    return data


def overridden(data: Any, changes: Any, where: str) -> Any:
    """The same data with some values replaced.

    Args:
        data: A description.
        changes: The same shape with only what changes; a part of a list of named parts under its name.
        where: Root of the paths in error messages.

    Raises:
        ConfigError: A key or a part is not there; every one is listed with the nearest that is.
    """
    problems: list[Problem] = []
    changed = _changed(data, changes, where, problems)
    ConfigError.if_any(problems)
    return changed


def _changed(data: Any, changes: Any, where: str, problems: list[Problem]) -> Any:
    wanted = cast("Mapping[str, Any]", changes)
    if not isinstance(changes, Mapping) or _is_number(data) or not isinstance(data, (Mapping, list)):
        return wanted
    if isinstance(data, list):
        parts = cast("list[dict[str, Any]]", data)
        known = [part["name"] for part in parts if "name" in part]
        _refuse_unknown(wanted, known, where, problems)
        return [
            _changed(part, wanted.get(part.get("name", ""), {}), f"{where}.{part.get('name')}", problems)
            for part in parts
        ]
    given = dict(cast("Mapping[str, Any]", data))
    for key, value in wanted.items():
        old = given.get(key)
        given[key] = _changed(old, value, f"{where}.{key}", problems) if key in given else value
    return given


def _refuse_unknown(wanted: Mapping[str, Any], known: list[str], where: str, problems: list[Problem]) -> None:
    problems += [
        Problem(f"{where}.{name}", "an unknown part", one_of(known), did_you_mean(name, known))
        for name in wanted
        if name not in known
    ]


def _is_number(data: Any) -> bool:
    return isinstance(data, Mapping) and bool({"value", "estimate"} & set(cast("Mapping[str, Any]", data)))
