"""The JSON Schema of recipe files: the record's, with the names of plug-ins and what each field means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from spareto.core.registry import Registry
from spareto.pruners import registry as pruners
from spareto.pruners.schedules import registry as schedules
from spareto.quantizers import registry as quantizers
from spareto.quantizers.rounding import registry as roundings
from spareto.records import Recipe, recipe, training
from spareto.training.optimizers import registry as optimizers

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
    _name(parts["PruneStep"]["properties"]["schedule"], parts["SchedulePlan"], schedules)
    _name(parts["TrainingPlan"]["properties"]["optimizer"], parts["OptimizerPlan"], optimizers)
    return {"$schema": DIALECT, **schema}


def _record(name: str) -> type[BaseModel] | None:
    found = {**vars(training), **vars(recipe)}.get(name)
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


def _name(field: dict[str, Any], plan: dict[str, Any], registry: Registry[Any]) -> None:
    """Let a field take a bare name, or a name and the options that belong to it."""
    names = list(registry.names())
    plan["anyOf"] = [_named(name, registry.get(name)) for name in names]
    field["anyOf"] = [{"enum": names}, {"$ref": field.pop("$ref")}]


def _named(name: str, record: type[BaseModel]) -> dict[str, Any]:
    options = record.model_json_schema()
    _describe(options, record)
    return {"properties": {"name": {"const": name}, "options": options}}
