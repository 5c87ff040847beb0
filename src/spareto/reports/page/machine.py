"""The accelerator as the page draws it: its levels, how layers are mapped on it, and other accelerators."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from spareto import hardware
from spareto.core.config import Record
from spareto.core.errors import InputError
from spareto.core.units import Quantity
from spareto.hardware import Accelerator, Chip
from spareto.hardware.accelerators import parse_accelerator
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.mapping.explain import explain, lines
from spareto.records.workload import Workload
from spareto.reports.page.points import number

_MAPPED_LAYERS = 40


def drawn(chip: Chip) -> dict[str, Any]:
    """The parts of an accelerator, each with its stated numbers, their units and their sources."""
    return {
        "name": chip.name,
        "about": chip.about,
        "kind": str(chip.kind),
        "principle": chip.principle,
        "technology": _told("technology", chip.technology),
        "clock_mhz": chip.clock_mhz,
        "parts": [_part(part) for part in chip.parts],
    }


def mapped(workload: Workload, chip: Chip) -> list[dict[str, Any]]:
    """The loop nest of each layer, as text; nothing for accelerators that have no mapping."""
    if not isinstance(chip, Accelerator):
        return []
    found: list[dict[str, Any]] = []
    for layer in workload.layers[:_MAPPED_LAYERS]:
        nest = hardware.fixed_nest(layer, chip)
        told = explain(layer.name, LoopProblem.of(layer), nest, chip.kept)
        found.append({"layer": layer.name, "lines": list(lines(told))})
    return found


def side_by_side(workloads: Sequence[tuple[str, Workload]]) -> list[dict[str, Any]]:
    """Energy and time of stored networks on every built-in accelerator; or why one cannot run them."""
    rows: list[dict[str, Any]] = []
    for name in hardware.accelerator_names():
        chip = hardware.load_accelerator(name)
        row: dict[str, Any] = {"name": name, "kind": str(chip.kind), "principle": chip.principle, "costs": []}
        try:
            for _, workload in workloads:
                row["costs"].append(_summary(workload, chip))
        except InputError as error:
            row["costs"] = []
            row["problem"] = str(error.problems[0])
        rows.append(row)
    return rows


def _summary(workload: Workload, chip: Chip) -> dict[str, float | None]:
    cost = hardware.cost(workload, chip)
    return {
        "energy_pj": number(cost.energy_pj),
        "latency_us": number(cost.latency_us),
        "latency_cycles": number(cost.latency_cycles),
        "stored_bytes": number(cost.footprint_bits / 8),
    }


def _part(part: Record) -> dict[str, Any]:
    facts = [fact for name in type(part).model_fields if (fact := _told(name, getattr(part, name)))]
    found: dict[str, Any] = {
        "name": getattr(part, "name", ""),
        "kind": getattr(part, "kind", "part"),
        "about": getattr(part, "about", ""),
        "facts": facts,
    }
    if keeps := getattr(part, "keeps", None):
        found["keeps"] = list(keeps)
    capacity = getattr(part, "capacity_bits", None)
    if isinstance(capacity, (int, float)):
        found["bytes"] = number(capacity / 8)
    return found


def _told(name: str, value: Any) -> dict[str, Any] | None:
    """A quantity as it stands in the description."""
    if not isinstance(value, Quantity):
        return None
    return {
        "name": name.replace("_", " "),
        "value": number(value.value),
        "unit": value.unit,
        "source": value.source,
    }


@lru_cache(maxsize=4)
def chip_of(text: str) -> Chip:
    """The accelerator that a study stored as JSON."""
    return parse_accelerator(json.loads(text))
