"""The JSON Schema of recipe files: the record's, with the names of plug-ins and what each field means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

from pydantic import BaseModel

from spareto.core.config import Named
from spareto.core.registry import Registry
from spareto.records import Recipe
from spareto.records.steps import StepPlan
from spareto.records.steps import registry as steps
from spareto.records.training import Choice

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """The schema of a recipe file of this version, as plain data."""
    schema = Recipe.model_json_schema(by_alias=True)
    parts: dict[str, Any] = {"Recipe": schema, **schema["$defs"]}
    for record in {record.__name__: record for record in _records(Recipe)}.values():
        part = parts[record.__name__]
        _describe(part, record)
        _say_names(part, record)
        if issubclass(record, StepPlan):
            part["examples"] = [
                {"kind": part["properties"]["kind"]["const"], **each} for each in record.examples
            ]
            part["required"] = sorted({*part.get("required", ()), "kind"})
    return {"$schema": DIALECT, **schema}


def _records(whole: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A record and all that its fields hold; every step in place of what they have in common."""
    yield whole
    for field in whole.model_fields.values():
        for kind in _classes(field.annotation):
            for each in map(steps.get, steps.names()) if kind is StepPlan else (kind,):
                yield from _records(each)


def _classes(hint: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        yield hint
    for part in get_args(hint):
        yield from _classes(part)


def _say_names(part: dict[str, Any], record: type[BaseModel]) -> None:
    """Put the names of variants where a field holds one, and their options where it holds both."""
    for name, field in record.model_fields.items():
        about = part["properties"][name]
        choice = next((kind for kind in _classes(field.annotation) if issubclass(kind, Choice)), None)
        if choice is not None:
            names = list(_registry(choice.model_fields["name"].metadata).names())
            about["anyOf"] = [{"enum": names}, {"$ref": about.pop("$ref")}]
        elif any(isinstance(mark, Named) for mark in field.metadata):
            registry = _registry(field.metadata)
            if issubclass(record, Choice):
                part["anyOf"] = [_named(name, registry.get(name)) for name in registry.names()]
            else:
                about["enum"] = [*registry.names(), *([] if field.is_required() or field.default else [None])]


def _registry(metadata: list[Any]) -> Registry[Any]:
    mark = next(mark for mark in metadata if isinstance(mark, Named))
    return import_module(mark.package).registry


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


def _named(name: str, record: type[BaseModel]) -> dict[str, Any]:
    options = record.model_json_schema()
    _describe(options, record)
    return {"properties": {"name": {"const": name}, "options": options}}
