"""Dominance and fronts: defined here, and nowhere else.

One point dominates another if it is at least as good in every objective and better in one. So a point that is
worse in one objective and equal in the others is off the front, and exact duplicates are on it together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from statistics import mean, stdev
from typing import Any, SupportsFloat

import numpy as np
import numpy.typing as npt

from spareto.core.arguments import of_kind, word
from spareto.core.errors import InputError, Problem
from spareto.core.text import shown
from spareto.records.rows import MeanRow, TrialRow, row_chosen_by, trial_row
from spareto.records.trial import Trial
from spareto.study.metrics import Sense

ACCURACY_ENERGY: tuple[Sense, Sense] = ("max", "min")


def front(
    points: Sequence[Sequence[float]] | Sequence[Trial], senses: Sequence[Sense] = ACCURACY_ENERGY
) -> list[bool]:
    """Tell for each point whether no other point dominates it.

    Args:
        points: n points of k objectives; or trials, compared by the accuracy they are chosen by and energy.
        senses: For each objective, whether more (`max`) or less (`min`) is better.

    Returns:
        n flags, in the order of the points. O(n log n) for two objectives, else O(n^2).

    Raises:
        InputError: A point has another number of objectives, or one that is not finite; a sense is none.

    >>> front([(0.95, 3.0), (0.95, 2.0), (0.97, 5.0), (0.90, 2.0)])
    [False, True, True, False]
    """
    of_kind(points, (Sequence, np.ndarray), "points", "a list of points or trials")
    told = [(each.chosen_by, each.energy_pj) if isinstance(each, Trial) else each for each in points]
    costs = _costs(told, senses)
    return _front_of_two(costs) if len(senses) == 2 else _front_of_many(costs)


def hypervolume(
    points: Sequence[Sequence[float]], reference: Sequence[float], senses: Sequence[Sense] = ACCURACY_ENERGY
) -> float:
    """Area, volume, ... between the front of `points` and a reference point.

    Args:
        points: n points of k objectives.
        reference: A point that counts as worthless; points no better than it in an objective add nothing.
        senses: For each objective, whether more (`max`) or less (`min`) is better.

    Returns:
        The volume, in the product of the objectives' units.

    Raises:
        InputError: A point has another number of objectives, or one that is not finite; a sense is none.

    Reference:
        while2012: WFG; what each point adds to those after it, by the hypervolume of what they share.
    """
    limit = _costs([reference], senses)[0]
    costs = _costs(points, senses)
    return _volume(costs[np.all(costs < limit, axis=1)], limit)


def knee(points: Sequence[Sequence[float]], senses: Sequence[Sense] = ACCURACY_ENERGY) -> int | None:
    """The point of the front nearest to the best of every objective at once.

    Each objective is scaled to 0..1 between the best and the worst of the front, so units do not matter; an
    objective in which the whole front is alike says nothing.

    Args:
        points: n points of k objectives.
        senses: For each objective, whether more (`max`) or less (`min`) is better.

    Returns:
        Its index, the first among equals; None without points.
    """
    costs = _costs(points, senses)
    if not len(costs):
        return None
    members = np.flatnonzero(front(points, senses))
    best, worst = costs[members].min(0), costs[members].max(0)
    scaled = (costs[members] - best) / np.where(worst > best, worst - best, 1.0)
    return int(members[np.argmin(np.linalg.norm(scaled, axis=1))])


def results_of(trials: Sequence[Trial]) -> list[Trial]:
    """The trials a study ends with; while a search is under way, all that it has."""
    return [trial for trial in trials if trial.stage == "result"] or list(trials)


def front_rows(trials: Sequence[Trial]) -> list[TrialRow]:
    """One row per trial, in the order given, with its place on or off the front."""
    flags = front(trials)
    return [trial_row(trial, flag) for trial, flag in zip(trials, flags, strict=True)]


def mean_rows(trials: Sequence[Trial]) -> list[MeanRow]:
    """One row per recipe: means over its seeds; the front is taken among the means."""
    return means_of(front_rows(trials))


def means_of(trial_rows: Iterable[TrialRow]) -> list[MeanRow]:
    """One row per recipe from the rows of its trials."""
    groups: dict[str, list[TrialRow]] = {}
    for row in trial_rows:
        groups.setdefault(row["recipe_hash"], []).append(row)
    rows = [_mean_row(group) for group in groups.values()]
    flags = front([(row_chosen_by(row), row["energy_pj"]) for row in rows])
    for row, flag in zip(rows, flags, strict=True):
        row["on_front"] = flag
    return rows


def _costs(points: Sequence[Sequence[float]], senses: Sequence[Sense]) -> npt.NDArray[np.float64]:
    problems: list[Problem] = []
    of_kind(points, (Sequence, np.ndarray), "points", "a list of points or trials")
    of_kind(senses, (list, tuple), "senses", "a list of `max` and `min`")
    for index, sense in enumerate(senses):
        word(sense, f"senses[{index}]", ("max", "min"))
    for index, point in enumerate(points):
        of_kind(point, (Sequence, np.ndarray), f"points[{index}]", f"{len(senses)} finite numbers")
        values: Sequence[Any] = point
        finite = all(isinstance(value, SupportsFloat) and math.isfinite(value) for value in values)
        if len(point) != len(senses) or not finite:
            problems.append(Problem(f"points[{index}]", shown(tuple(point)), f"{len(senses)} finite numbers"))
    InputError.if_any(problems)
    signs = np.array([-1.0 if sense == "max" else 1.0 for sense in senses])
    return np.array(points, dtype=np.float64).reshape(-1, len(senses)) * signs


def _volume(costs: npt.NDArray[np.float64], limit: npt.NDArray[np.float64]) -> float:
    """Hypervolume of points that are better than `limit` in every objective; less is better."""
    if not len(costs):
        return 0.0
    if costs.shape[1] == 1:
        return float(limit[0] - costs.min())
    if costs.shape[1] == 2:
        costs = np.unique(costs[_front_of_two(costs)], axis=0)
        return float(np.sum(np.diff(np.append(costs[:, 0], limit[0])) * (limit[1] - costs[:, 1])))
    costs = np.unique(costs, axis=0)
    costs = costs[_front_of_many(costs)][::-1]  # the worst of the first objective first: less is shared
    total = 0.0
    for index, point in enumerate(costs):
        shared = np.maximum(costs[index + 1 :], point)
        total += prod((limit - point).tolist()) - _volume(shared, limit)
    return total


def in_order(points: Iterable[tuple[float, float]]) -> Iterator[bool]:
    """Flags of the front of two costs, for points in ascending order of both; holds one point in memory."""
    best: tuple[float, float] = (np.inf, np.inf)
    for point in points:
        if point[1] < best[1]:
            best = point
        yield point == best


def _front_of_two(costs: npt.NDArray[np.float64]) -> list[bool]:
    flags = [False] * len(costs)
    order = np.lexsort((costs[:, 1], costs[:, 0])).tolist()
    points: list[tuple[float, float]] = [(row[0], row[1]) for row in costs[order].tolist()]
    for index, flag in zip(order, in_order(points), strict=True):
        flags[index] = flag
    return flags


def _front_of_many(costs: npt.NDArray[np.float64]) -> list[bool]:
    def dominated(point: npt.NDArray[np.float64]) -> bool:
        return bool(np.any(np.all(costs <= point, axis=1) & np.any(costs < point, axis=1)))

    return [not dominated(point) for point in costs]


def _mean_row(group: Sequence[TrialRow]) -> MeanRow:
    first = group[0]
    tested = _known([row["accuracy"] for row in group])
    validated = _known([row["validation_accuracy"] for row in group])
    energies = [row["energy_pj"] for row in group]
    return MeanRow(
        trial=first["trial"],
        recipe_hash=first["recipe_hash"],
        regime=first["regime"],
        seeds=len(group),
        weight_bits=first["weight_bits"],
        weight_sparsity=mean(row["weight_sparsity"] for row in group),
        weight_sparsity_target=first["weight_sparsity_target"],
        accuracy=_mean(tested),
        accuracy_std=_spread_of(tested),
        validation_accuracy=_mean(validated),
        validation_accuracy_std=_spread_of(validated),
        energy_pj=mean(energies),
        energy_pj_std=_spread(energies),
        latency_cycles=mean(row["latency_cycles"] for row in group),
        stored_bytes=mean(row["stored_bytes"] for row in group),
        weight_format=" or ".join(sorted({row["weight_format"] for row in group})),
        on_front=False,
    )


def _known(values: Sequence[float | None]) -> list[float]:
    """The values, or none of them if one is missing: a mean over some seeds is another number."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def _spread_of(values: Sequence[float]) -> float | None:
    return _spread(values) if values else None


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0
