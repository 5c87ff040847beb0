"""The JSON Schema of recipe files: the record's, with the names of plug-ins and what each field means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from spareto.pruners import registry as pruners
from spareto.pruners.schedules import registry as schedules
from spareto.quantizers import registry as quantizers
from spareto.quantizers.rounding import registry as roundings
from spareto.records import Recipe, recipe

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """The schema of a recipe file of this version, as plain data."""
    schema = Recipe.model_json_schema(by_alias=True)
    parts: dict[str, Any] = schema["$defs"]
    for name, part in {"Recipe": schema, **parts}.items():
        if record := _record(name):
            _describe(part, record)
    parts["PruneStep"]["properties"]["pruner"]["enum"] = list(pruners.names())
    parts["QuantizeStep"]["properties"]["quantizer"]["enum"] = list(quantizers.names())
    parts["QuantizeStep"]["properties"]["rounding"]["enum"] = list(roundings.names())
    for step in ("EpitomeStep", "PruneStep", "QuantizeStep"):
        parts[step]["required"] = sorted({*parts[step].get("required", ()), "kind"})
    schedule = parts["PruneStep"]["properties"]["schedule"]
    names = list(schedules.names())
    parts["SchedulePlan"]["anyOf"] = [_schedule(name) for name in names]
    schedule["anyOf"] = [{"enum": names}, {"$ref": schedule.pop("$ref")}]
    return {"$schema": DIALECT, **schema}


def _record(name: str) -> type[BaseModel] | None:
    from_recipe = vars(recipe)
    found = from_recipe.get(name)
    return found if inspect.isclass(found) and issubclass(found, BaseModel) else None


def _describe(part: dict[str, Any], record: type[BaseModel]) -> None:
    """Split a docstring into the description of the record and those of its fields."""
    text = inspect.getdoc(record) or ""
    part["description"] = text.split("\n\n")[0].replace("\n", " ")
    for name, meaning in _arguments(text):
        if name in part["properties"]:
            part["properties"][name]["description"] = meaning


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    found = re.search(r"^Args:\n((?: {4}.*\n?)+)", text, re.MULTILINE)
    if found:
        for match in re.finditer(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", found[1], re.MULTILINE):
            yield match[1], " ".join(match[2].split())


def _schedule(name: str) -> dict[str, Any]:
    record = schedules.get(name)
    options = record.model_json_schema()
    _describe(options, record)
    return {"properties": {"name": {"const": name}, "options": options}}
