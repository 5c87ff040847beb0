"""Everything the page shows, as plain data; what would make the file too large is left out and said."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from spareto.core.errors import InputError
from spareto.core.text import visible
from spareto.hardware import Chip
from spareto.records.cost import PARTS
from spareto.records.rows import MeanRow, split_chosen_by
from spareto.records.workload import Workload
from spareto.reports.comparing import compared
from spareto.reports.findings import findings
from spareto.reports.headline import headline
from spareto.reports.page.costs import PURPOSES, costs, format_costs
from spareto.reports.page.curves import format_curves
from spareto.reports.page.machine import chip_of, drawn, mapped, side_by_side
from spareto.reports.page.methods import BIBTEX, commands, methods, plan_of, plan_yaml, recipe_yaml
from spareto.reports.page.points import number, points
from spareto.reports.page.terms import terms
from spareto.reports.results import StudyResults

BUDGET: Final = 950_000
"""Bytes of the page that its data may take; the plotting library takes most of the 6 MB that a page may."""

_WIDE = 40
"""Points of which everything is shown, if there is room."""


def content(results: StudyResults) -> dict[str, Any]:
    """The data of a page, within its budget: of many points only the most important are shown in full."""
    chip = study_chip(results)
    data = _base(results, chip)
    left = BUDGET - len(packed(data))
    data |= {name: {} for name in (*_FULL, *_EVERY)}
    ranked = _ranked(results)
    for makers, places in ((_EVERY, ranked[:1]), (_FULL, ranked[:_WIDE]), (_EVERY, ranked)):
        for some in _bundles(places):
            made = {
                name: {place: _clean(make(results, results.means[place], chip)) for place in some}
                for name, make in makers.items()
            }
            left -= len(packed(made))
            if left < 0:
                break
            for name, table in made.items():
                data[name].update(table)
    return data


def _bundles(places: list[int]) -> list[list[int]]:
    """Places in bundles that are packed together, the first ones alone: they are sure to be kept."""
    size = max(1, min(64, len(places) // 16))
    return [places[first : first + size] for first in range(0, len(places), size)]


def packed(data: dict[str, Any]) -> str:
    """The data as they stand in the page: JSON, compressed, in letters; equal data give equal text."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpacked(text: str) -> Any:
    """The data that `packed` put away."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def study_chip(results: StudyResults) -> Chip | None:
    """The accelerator as the study stored it; None for studies of versions that stored its name alone."""
    text = results.meta.get("accelerator_data", "")
    return chip_of(text) if text else None


def _base(results: StudyResults, chip: Chip | None) -> dict[str, Any]:
    found = points(results)
    return _clean(
        {
            "study": {
                "title": results.title,
                "split": split_chosen_by(results.means),
                "seeds": _planned_seeds(results),
                "unit": [results.unit.sign, results.unit.pj],
                "accelerator": results.trials[0].best_cost.accelerator if results.trials else "",
                "clock_mhz": results.trials[0].best_cost.clock_mhz if results.trials else None,
            },
            **found,
            "components": results.components,
            "parts": list(PARTS),
            "purposes": list(PURPOSES),
            "layers": results.layer_names,
            "formats": results.weight_formats,
            "curves": format_curves(results),
            "terms": terms(chip),
            "machine": drawn(chip) if chip else None,
            "others": _others(results),
            "beside": None if results.beside is None else _beside(results, results.beside),
            "texts": {
                "commands": commands(results),
                "methods": methods(results),
                "bibtex": BIBTEX,
                "plan": plan_yaml(results),
            },
        }
    )


def _ranked(results: StudyResults) -> list[int]:
    """Places of the points, the most telling first: the marked ones, the front, then by energy."""
    rows = results.means
    places = {row["recipe_hash"]: place for place, row in enumerate(rows)}
    first = [headline(results).chosen, results.dense, *results.members, *results.front]
    rest = sorted(rows, key=lambda row: row["energy_pj"])
    order = [places[row["recipe_hash"]] for row in (*first, *rest) if row is not None]
    return list(dict.fromkeys(order))


def _layers(results: StudyResults, row: MeanRow, _: Chip | None) -> list[dict[str, Any] | None]:
    """What the store says of each layer, mean over seeds."""
    tables = [{layer.name: layer for layer in trial.layers} for trial in results.of(row)]
    found: list[dict[str, Any] | None] = []
    for name in results.layer_names:
        known = [table[name] for table in tables if name in table]
        if not known:
            found.append(None)
            continue
        means = {
            key: number(sum(getattr(layer, key) for layer in known) / len(known))
            for key in ("weight_sparsity", "firing_rate_in", "firing_rate_out", "effectual_synops")
        }
        found.append({"weights": known[0].weights, "bits": known[0].weight_bits, **means})
    return found


def _workload(results: StudyResults, row: MeanRow) -> Workload | None:
    return results.files.workload(results.of(row)[0]) if results.files else None


def _activity(results: StudyResults, row: MeanRow, _: Chip | None) -> list[dict[str, Any]] | None:
    """Spikes over the timesteps of each layer, of the first seed."""
    workload = _workload(results, row)
    if workload is None:
        return None
    found: list[dict[str, Any]] = []
    for layer in workload.layers:
        size = layer.output.size
        rates = [number(count / size) for count in layer.output.nonzero_per_timestep]
        found.append(
            {"name": layer.name, "neurons": layer.neuron.count if layer.neuron else 0, "rates": rates}
        )
    return found


def _details(results: StudyResults, row: MeanRow, _: Chip | None) -> dict[str, Any] | None:
    found = results.files.details(results.of(row)[0]) if results.files else None
    return found.to_dict() if found else None


def _mapping(results: StudyResults, row: MeanRow, chip: Chip | None) -> list[dict[str, Any]]:
    workload = _workload(results, row)
    if workload is None or chip is None:
        return []
    try:
        return mapped(workload, chip)
    except InputError:
        return []


def _others(results: StudyResults) -> dict[str, Any] | None:
    """Dense and chosen networks on every built-in accelerator, where their workloads are stored."""
    chosen = headline(results).chosen
    rows = [row for row in (results.dense, chosen) if row is not None]
    pairs = [(row["trial"], workload) for row in rows if (workload := _workload(results, row))]
    return {"networks": [name for name, _ in pairs], "rows": side_by_side(pairs)} if pairs else None


def _beside(results: StudyResults, other: StudyResults) -> dict[str, Any]:
    """The recipes of two studies, with what is to be said of each difference."""
    found = compared(results, other)
    rows = [
        {
            "name": pair.name,
            "accuracy": pair.accuracies,
            "energy": pair.energies_pj,
            "alike": [pair.accuracy_alike, pair.energy_alike],
        }
        for pair in found.pairs
    ]
    return {"titles": found.titles, "rows": rows, "alone": found.alone, "differ": found.differ}


def _planned_seeds(results: StudyResults) -> int:
    """How many seeds the study asks for; as many as there are where its plan is not known."""
    seeds: Iterable[Any] = plan_of(results).get("seeds", ())
    return len(list(seeds)) or len({trial.manifest.seed for trial in results.trials})


def _clean(value: Any) -> Any:
    """Text without control characters, numbers that JSON can hold."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        found = cast("Mapping[Any, Any]", value)
        return {_clean(key): _clean(each) for key, each in found.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in cast("Iterable[Any]", value)]
    return value


_Maker: TypeAlias = Callable[[StudyResults, MeanRow, Chip | None], Any]

_EVERY: Final[dict[str, _Maker]] = {
    "costs": costs,
    "formatCosts": lambda results, row, _: format_costs(results, row),
    "layerFacts": _layers,
    "recipes": lambda results, row, _: recipe_yaml(results, row),
    "findings": lambda results, row, _: findings(results, row),
    "networks": lambda results, row, _: results.files and results.files.network(results.of(row)[0]),
    "workloads": lambda results, row, _: results.files and results.files.workload_path(results.of(row)[0]),
}
"""What is shown of every point, as far as there is room."""

_FULL: Final[dict[str, _Maker]] = {"activity": _activity, "details": _details, "mappings": _mapping}
"""What is shown of the most important points only."""
