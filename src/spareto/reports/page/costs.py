"""Where energy and cycles of a recipe go: by layer and component, by layer and purpose, in every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from spareto.hardware import Accelerator, Chip
from spareto.records.cost import PARTS, Cost, LayerCost, energy_by_part
from spareto.records.rows import MeanRow
from spareto.reports.page.points import number
from spareto.reports.results import StudyResults

MOVED, COMPUTED, IDLE = "moving data", "computing", "waiting"
PURPOSES = (COMPUTED, MOVED, IDLE)
_ARRAY = "the processing elements"


def costs(results: StudyResults, row: MeanRow, chip: Chip | None) -> dict[str, Any]:
    """What the page shows of a recipe's cost, each number the mean over its seeds.

    Returns:
        `energy` and `parts` in picojoules, a row per layer; `purposes` a row per layer (computing, moving,
        waiting); `cycles`, `bound` and `stored`, `metadata` (bytes) a layer each.
    """
    found = [trial.best_cost for trial in results.of(row)]
    layers = results.layer_names
    tables = [{layer.name: layer for layer in cost.attributed} for cost in found]

    def by_layer(value: Callable[[LayerCost], float]) -> list[float | None]:
        return [_mean([value(table[name]) for table in tables if name in table]) for name in layers]

    return {
        "energy": _table(tables, layers, results.components, LayerCost.energy_by_component),
        "parts": _table(tables, layers, PARTS, _parts),
        "purposes": _table(tables, layers, PURPOSES, purposes),
        "cycles": by_layer(lambda layer: layer.latency_cycles),
        "stored": by_layer(lambda layer: layer.stored_bits / 8),
        "metadata": by_layer(lambda layer: metadata_bits(layer) / 8),
        "bound": [_bound(tables[0].get(name), chip) for name in layers],
        "format": [tables[0][name].weight_format if name in tables[0] else "" for name in layers],
    }


def format_costs(results: StudyResults, row: MeanRow) -> dict[str, list[float | None]]:
    """Energy and cycles of a recipe in each of the study's weight formats, mean over its seeds."""
    tables = [{cost.weight_format: cost for cost in trial.costs} for trial in results.of(row)]
    names = results.weight_formats
    return {
        "energy": [_mean([t[name].energy_pj for t in tables if name in t]) for name in names],
        "cycles": [_mean([t[name].latency_cycles for t in tables if name in t]) for name in names],
    }


def purposes(layer: LayerCost) -> dict[str, float]:
    """Energy of a layer in picojoules: what computes, what moves data, what leaks."""
    totals: dict[str, float] = {purpose: 0.0 for purpose in PURPOSES}  # noqa: C420 - keeps the type
    for action in layer.actions:
        purpose = IDLE if action.tensor == "idle" else MOVED if action.bits else COMPUTED
        totals[purpose] += action.energy_pj
    return totals


def metadata_bits(layer: LayerCost) -> float:
    """Stored bits that say where the zeros are: their share of what the outermost memory gives of weights."""
    moved = [action for action in layer.actions if action.tensor in ("weights", "metadata") and action.bits]
    if not moved:
        return 0.0
    outermost = [action for action in moved if action.component == moved[0].component]
    total = sum(action.bits for action in outermost)
    metadata = sum(action.bits for action in outermost if action.tensor == "metadata")
    return layer.stored_bits * metadata / total if total else 0.0


def _bound(layer: LayerCost | None, chip: Chip | None) -> str:
    """What decides the cycles of a layer of an array: a port of a memory, or the processing elements."""
    if layer is None or not isinstance(chip, Accelerator) or not layer.latency_cycles:
        return ""
    for memory in chip.memories:
        for action, limit in (("read", memory.read_bandwidth), ("write", memory.write_bandwidth)):
            moved = [each.bits for each in layer.actions if _at(each, memory.name, action)]
            if limit and sum(moved) / (limit.amount * memory.count) >= 0.98 * layer.latency_cycles:
                return f"{action}s of {memory.name}"
    return _ARRAY


def _at(action: Any, memory: str, kind: str) -> bool:
    return action.component == memory and action.action == kind


def _parts(layer: LayerCost) -> dict[str, float]:
    one = Cost(accelerator="", mode="physical", weight_format="", layers=(layer,))
    return energy_by_part(one)


def _table(
    tables: Sequence[Mapping[str, LayerCost]],
    layers: Sequence[str],
    names: Sequence[str],
    split: Callable[[LayerCost], Mapping[str, float]],
) -> list[list[float | None]]:
    """A row per layer, a column per name: the mean over tables."""
    rows: list[list[float | None]] = []
    for layer in layers:
        found = [split(table[layer]) for table in tables if layer in table]
        rows.append([_mean([each.get(name, 0.0) for each in found]) for name in names])
    return rows


def _mean(values: Sequence[float]) -> float | None:
    return number(fmean(values)) if values else None
