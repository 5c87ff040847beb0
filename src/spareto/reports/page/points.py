"""The points of a study as columns of numbers, and which of them are marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean
from typing import Any

from spareto.records.rows import row_chosen_by, shown_accuracy, shown_std, split_chosen_by, std_chosen_by
from spareto.reports.findings import spread_of
from spareto.reports.headline import headline
from spareto.reports.metrics import METRICS, ReportMetric, known, mean_and_spread
from spareto.reports.regimes import all_regimes, look_of
from spareto.reports.results import StudyResults

_DIGITS = 7


def number(value: float | None) -> float | None:
    """A value with seven significant digits; None for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def points(results: StudyResults) -> dict[str, Any]:
    """Columns, a place per recipe; single trials beside them; fronts, and the marked points."""
    metrics = known(METRICS, results.trials)
    means = results.means
    regimes = all_regimes(row["regime"] for row in means)
    columns: dict[str, list[Any]] = {
        "id": [row["recipe_hash"] for row in means],
        "name": [row["trial"] for row in means],
        "regime": [regimes.index(row["regime"]) for row in means],
        "seeds": [row["seeds"] for row in means],
        "bits": [row["weight_bits"] for row in means],
        "zeros": [number(row["weight_sparsity"]) for row in means],
        "target": [number(row["weight_sparsity_target"]) for row in means],
        "format": [row["weight_format"] for row in means],
    }
    spreads: dict[str, list[float | None]] = {}
    for metric in metrics:
        pairs = [mean_and_spread([metric.value(trial) for trial in results.of(row)]) for row in means]
        columns[metric.key] = [number(value) for value, _ in pairs]
        if results.many_seeds:
            spreads[metric.key] = [number(spread) for _, spread in pairs]
    return {
        "metrics": [_told(metric, results) for metric in metrics],
        "regimes": [_regime(name) for name in regimes],
        "points": columns,
        "spreads": spreads,
        "sampling": _sampling(results),
        "trials": _trials(results, metrics),
        "fronts": _fronts(results, metrics, columns),
        "marks": _marks(results),
    }


def _sampling(results: StudyResults) -> dict[str, list[float | None]]:
    """How far what follows from an accuracy may be off: of counting samples, or of seeds; see `spread_of`.

    aIQ grows with accuracy to the power 2/3, so that its relative spread is 2/3 of the accuracy's.
    """
    chosen, tested = results.choosing_samples, results.shown_samples
    columns: dict[str, list[float | None]] = {"accuracy": [], "test_accuracy": [], "aiq": []}
    for row in results.means:
        accuracy, seeds = row_chosen_by(row), row["seeds"]
        spread = spread_of(accuracy, std_chosen_by(row), seeds, chosen)
        quotients = [trial.artificial_intelligence_quotient or 0.0 for trial in results.of(row)]
        aiq = 2 / 3 * mean(quotients) * spread / accuracy if accuracy else 0.0
        shown = spread_of(shown_accuracy(row), shown_std(row), seeds, tested)
        for key, value in (("accuracy", spread), ("test_accuracy", shown), ("aiq", aiq)):
            columns[key].append(number(value))
    return columns


def _told(metric: ReportMetric, results: StudyResults) -> dict[str, str]:
    chosen_on = split_chosen_by(results.means)
    name = f"{chosen_on} accuracy" if metric.key == "accuracy" else metric.name
    return {
        "key": metric.key,
        "name": name,
        "unit": metric.unit,
        "better": metric.better,
        "about": metric.about,
    }


def _regime(name: str) -> dict[str, str]:
    look = look_of(name)
    return {"name": name, "text": look.text, "symbol": look.symbol}


def _trials(results: StudyResults, metrics: Sequence[ReportMetric]) -> dict[str, list[Any]]:
    """Single trials, where some recipe has several."""
    if not results.many_seeds:
        return {"point": [], "seed": [row["seed"] for row in results.rows]}
    places = {row["recipe_hash"]: place for place, row in enumerate(results.means)}
    columns: dict[str, list[Any]] = {
        "point": [places[row["recipe_hash"]] for row in results.rows],
        "seed": [row["seed"] for row in results.rows],
    }
    for metric in metrics:
        columns[metric.key] = [number(metric.value(trial)) for trial in results.trials]
    return columns


def _fronts(
    results: StudyResults, metrics: Sequence[ReportMetric], columns: dict[str, list[Any]]
) -> dict[str, dict[str, Any]]:
    """For each metric against accuracy: the places on the front, the reference point and the area."""
    fronts: dict[str, dict[str, Any]] = {
        "energy_pj": {"front": [place for place, row in enumerate(results.means) if row["on_front"]]}
    }
    if results.judge is None:
        return fronts
    for metric in metrics:
        if metric.better == "max":  # the other axis is accuracy
            continue
        pairs = list(zip(columns["accuracy"], columns[metric.key], strict=True))
        there = [place for place, pair in enumerate(pairs) if None not in pair]
        if not there:
            continue
        values = [pairs[place] for place in there]
        flags = results.judge.front(values, ("max", metric.better))
        worst = (min(a for a, _ in values), max(b for _, b in values))
        area = results.judge.hypervolume(values, worst, ("max", metric.better))
        fronts[metric.key] = {
            "front": [place for place, flag in zip(there, flags, strict=True) if flag],
            "reference": [number(worst[0]), number(worst[1])],
            "hypervolume": number(area),
        }
    return fronts


def _marks(results: StudyResults) -> dict[str, int | None]:
    """Places of the points that are marked, by why they are."""
    found = {"dense": results.dense, "chosen": headline(results).chosen}
    places = {row["recipe_hash"]: place for place, row in enumerate(results.means)}
    marks = {name: None if row is None else places[row["recipe_hash"]] for name, row in found.items()}
    return {**marks, "knee": _knee(results)}


def _knee(results: StudyResults) -> int | None:
    """The knee of a front of at least three points; a shorter one has none."""
    if results.judge is None or len(results.front) < 3:
        return None
    return results.judge.knee([(row_chosen_by(row), row["energy_pj"]) for row in results.means])
