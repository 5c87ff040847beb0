"""Plans by name: one YAML file each, which says only what differs from the published baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from spareto.core.errors import Problem, UnknownName, did_you_mean, one_of
from spareto.core.text import shown
from spareto.records.plasticity import PlasticityPlan

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Names of the plans that come with spareto, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_plan(name: str, *changes: Mapping[str, Any], where: str = "plan") -> PlasticityPlan:
    """The plan of that name, with some keys changed.

    Args:
        name: One of `names()`.
        changes: Keys of a plan, nested as there; the later ones win. An inhibition of another kind takes
            nothing from the one before.
        where: Its place, for messages.

    Raises:
        UnknownName: There is no such plan.
        ConfigError: A key is unknown, or a value breaks a rule.
    """
    if name not in names():
        raise UnknownName(Problem(where, shown(name), one_of(names()), did_you_mean(name, names())))
    keys = PlasticityPlan.load(_FOLDER / f"{name}.yaml").to_dict()
    for each in changes:
        keys = _merged(keys, each)
    return PlasticityPlan.parse(keys, where)


def _merged(keys: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(keys)
    for key, value in changes.items():
        old: Any = made.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            before, after = cast(Mapping[str, Any], old), cast(Mapping[str, Any], value)
            same_kind = after.get("kind", before.get("kind")) == before.get("kind")
            made[key] = _merged(before, after) if same_kind else after
        else:
            made[key] = value
    return made
