"""From a point of a space to the recipe it means; never imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from spareto.core.errors import ConfigError, Problem
from spareto.core.plain import from_yaml
from spareto.records import Recipe, TrainingPlan
from spareto.records.steps import registry
from spareto.study.search.space import FLOAT, Point, Value, Variable

Made = Callable[[dict[str, Any], Mapping[str, Mapping[str, Value]]], Iterable[dict[str, Any]]]
_LAYER_FIELDS = {
    "bits": "quantize",
    "quantizer": "quantize",
    "sparsity": "prune",
    "pruner": "prune",
    "rows": "epitome",
    "columns": "epitome",
}


def recipe_of(
    point: Point, variables: Sequence[Variable], base: Mapping[str, Any], training: TrainingPlan
) -> Recipe:
    """The recipe that a point means; points that mean the same network give equal recipes.

    Args:
        point: The values of all variables.
        variables: The variables of the space.
        base: What is the same for all points: fields of a recipe, its steps under their kinds.
        training: How recipes are trained unless `base` or a variable says otherwise.

    Raises:
        ConfigError: The point means no recipe; names every problem.
    """
    fields: dict[str, Any] = {"storage_bits": 8, **_copied(base)}
    fields.setdefault("training", training.to_dict())
    steps: dict[str, dict[str, Any]] = {kind: dict(fields.pop(kind, None) or {}) for kind in registry.names()}
    own: dict[str, dict[str, Value]] = {}
    for variable in variables:
        value = point[variable.name]
        if variable.layer is not None:
            own.setdefault(variable.layer, {})[variable.field] = value
        elif variable.field == "start":
            steps["quantize"]["start"] = value
        elif variable.field in _LAYER_FIELDS:
            steps[_LAYER_FIELDS[variable.field]][variable.field] = value
        else:
            _set(fields, steps, variable.field, value)
    by_layer = {"epitome": _epitome, "prune": _prune, "quantize": _quantize}
    made = [step for kind, chosen in steps.items() for step in by_layer.get(kind, _whole(kind))(chosen, own)]
    if len(made) < 2:
        for step in made:
            step["start"] = 0.0  # there is nothing it could come before or after
    if {step["kind"] for step in made} != {"prune", "quantize"}:
        fields["order"] = "quantize_then_mask"
    if not made:
        return Recipe.parse({"storage_bits": FLOAT, "training": {"epochs": 0}}, "study.search")
    return Recipe.parse({**fields, "steps": made}, "study.search")


def _copied(base: Mapping[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, Mapping) else value for key, value in base.items()}


def _whole(kind: str) -> Made:
    """A step whose fields are none of a layer's, if there is anything to say of it."""
    return lambda step, own: ({"kind": kind, **step},) if step else ()


def _epitome(step: dict[str, Any], own: Mapping[str, Mapping[str, Value]]) -> Iterable[dict[str, Any]]:
    """The step that makes epitomes, if some layer has a limit."""
    shapes = [
        {"layers": layer, **{key: chosen.get(key, step.get(key)) for key in ("rows", "columns")}}
        for layer, chosen in own.items()
        if {"rows", "columns"} & set(chosen)
    ]
    limits = [shape[key] for shape in (step, *shapes) for key in ("rows", "columns") if key in shape]
    if all(limit is None for limit in limits):
        return ()
    named = {"layer_shapes": shapes} if shapes else {}
    return ({"kind": "epitome", **step, **named},)


def _prune(step: dict[str, Any], own: Mapping[str, Mapping[str, Value]]) -> Iterable[dict[str, Any]]:
    """The pruning step, if anything goes."""
    shares = [
        {"layers": layer, "sparsity": chosen.get("sparsity", step.get("sparsity", 0.0)), **_pruner(chosen)}
        for layer, chosen in own.items()
        if {"sparsity", "pruner"} & set(chosen)
    ]
    for share in shares:
        if not share["sparsity"]:
            share.pop("pruner", None)  # where nothing goes, it does not matter who would say what
            share.pop("options", None)
    if "pruner" in step:
        step = {**step, **_pruner(step)}
    whole = float(step.get("sparsity") or 0.0)
    if not whole and not any(share["sparsity"] for share in shares):
        return ()
    named = {"layer_sparsity": shares} if shares else {}
    return ({"kind": "prune", **step, "sparsity": whole, **named},)


def _pruner(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A pruner's name, and the options in what may be `channels norm=l2`."""
    if "pruner" not in chosen:
        return {}
    name, *words = str(chosen["pruner"]).split()
    options = {key: from_yaml(value) for key, _, value in (word.partition("=") for word in words)}
    return {"pruner": name, "options": options} if words else {"pruner": name}


def _quantize(step: dict[str, Any], own: Mapping[str, Mapping[str, Value]]) -> Iterable[dict[str, Any]]:
    """The quantizing step, if anything is quantized."""
    widths = [
        {"layers": layer, "bits": chosen.get("bits", step.get("bits")), **_quantizer(chosen)}
        for layer, chosen in own.items()
        if {"bits", "quantizer"} & set(chosen)
    ]
    whole = step.get("bits")
    if widths and (whole is None or whole == FLOAT):
        known = [width["bits"] for width in widths if isinstance(width["bits"], int)]
        whole = max(known, default=None)
    if whole is None or whole == FLOAT:
        return ()
    named = {"layer_bits": widths} if widths else {}
    return ({"kind": "quantize", **step, "bits": whole, **named},)


def _quantizer(chosen: Mapping[str, Value]) -> dict[str, Value]:
    return {"quantizer": chosen["quantizer"]} if "quantizer" in chosen else {}


def _set(fields: dict[str, Any], steps: dict[str, dict[str, Any]], path: str, value: Value) -> None:
    """Set a field by its path: `training.epochs`, `prune.scope`, `storage_bits`."""
    head, _, rest = path.partition(".")
    place: Any = steps.get(head, fields)
    names = rest.split(".") if head in steps else path.split(".")
    if names == [""]:
        rule, cure = "a field of the step", f"Write {head}.scope, say."
        raise ConfigError(Problem(f"study.search.space.fields.{path}", "a whole step", rule, cure))
    for name in names[:-1]:
        place[name] = dict(place.get(name) or {})
        place = place[name]
    place[names[-1]] = value
