"""Where a fine search starts: at the front of a coarse one, said in the fine search's variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from spareto.records import Recipe, Trial
from spareto.study.search.space import FLOAT, Point, Value, Variable


def refined(trials: Sequence[Trial], variables: Sequence[Variable]) -> list[Point]:
    """What a fine search would have had to choose to make these networks.

    A layer's width is the one it was stored in, its sparsity the share of its weights that was found zero; so
    global pruning, too, gives each layer its own. Values go to the nearest of the variable's.

    Args:
        trials: Of the coarse search.
        variables: Of the fine search.

    Returns:
        Different points, in the order of the trials; variables that a recipe says nothing of are left out.
    """
    points: list[Point] = []
    for trial in trials:
        point: Point = {v.name: value for v in variables if (value := _value(v, trial)) is not None}
        if point and point not in points:
            points.append(point)
    return points


def _value(variable: Variable, trial: Trial) -> Value:
    said = _said(trial.recipe)
    if variable.field in ("bits", "sparsity"):
        wanted = _measured(variable, trial, said)
        return None if wanted is None else _nearest(variable, wanted)
    value = said.get(variable.field)
    return value if value in variable.values else None


def _said(recipe: Recipe) -> Mapping[str, Value]:
    """The recipe's own values, by the names of a space's fields."""
    prune, quantize = recipe.prune_step, recipe.quantize_step
    said: dict[str, Value] = {"bits": FLOAT, "sparsity": 0.0, "start": 0.0}
    if prune is not None:
        said |= {"sparsity": prune.sparsity, "pruner": prune.pruner}
    if quantize is not None:
        said |= {"bits": quantize.bits, "quantizer": quantize.quantizer, "start": quantize.start}
    if prune is not None and quantize is not None:
        said["order"] = recipe.order
    return said


def _measured(variable: Variable, trial: Trial, said: Mapping[str, Value]) -> float | None:
    """What the layers that a variable is for have, the mean by their weights."""
    if variable.layer is None or not said["sparsity"]:
        value = said[variable.field]
        return float(value) if isinstance(value, int | float) else None
    if variable.field == "bits":
        return float(str(said["bits"]))
    own = [layer for layer in trial.layers if fnmatchcase(layer.name, variable.layer)]
    weights = sum(layer.weights for layer in own)
    return sum(layer.weight_sparsity * layer.weights for layer in own) / weights if weights else None


def _nearest(variable: Variable, wanted: float) -> Value:
    numbers = [value for value in variable.values if isinstance(value, int | float)]
    return min(numbers, key=lambda value: abs(value - wanted), default=None)
