"""The whole grid of the study, ours beside the published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from spareto.records.workload import Statistic
from spareto.reproduction.tcja.chip import FORMATS
from spareto.reproduction.tcja.fit import FIT_SETTINGS, rms
from spareto.reproduction.tcja.network import StudyPoint
from spareto.reproduction.tcja.network_cost import MappingChoice, Point, Study, cost_network
from spareto.reproduction.tcja.table import Table, find_table, read_table

TARGETS: Final = (0.0, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975)
BITS: Final = (2, 3, 4, 6, 8)
GRID: Final = tuple(
    StudyPoint(mode, target, bits) for mode in ("cumulative", "joint") for target in TARGETS for bits in BITS
)
_UNPRUNED, _PRUNED = StudyPoint("joint", 0.0, 8), StudyPoint("joint", 0.8, 8)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Summary:
    """How close the rows come to the published ones; None where those are not at hand.

    Args:
        fitted_rms: Root mean square of the relative energy errors on the rows the array was fitted on.
        other_rms: The same on all other published rows.
        fitted_cycles_rms: The same of the cycles, on the fitted rows.
        other_cycles_rms: The same of the cycles, on the others.
        ratio: Energy of 80 % pruning at 8 bits over that of the best quantization, each in its best format.
        published_ratio: The same of the published rows.
        order_unpruned: Formats from the least energy to the most, unpruned at 8 bits.
        order_pruned: The same, 80 % pruned at 8 bits.
    """

    fitted_rms: float | None
    other_rms: float | None
    fitted_cycles_rms: float | None
    other_cycles_rms: float | None
    ratio: float
    published_ratio: float | None
    order_unpruned: tuple[str, ...]
    order_pruned: tuple[str, ...]


def reproduce_tcja_energy(
    table: str | Path | None = None,
    *,
    statistic: Statistic = "mean",
    mapping: MappingChoice = "frozen",
    study: Study | None = None,
) -> list[Row]:
    """Cost every setting of the study's grid, and every other row of the published table, in four formats.

    Args:
        table: The published table; None looks where it usually lies, and does without
            if it is not there.
        statistic: Mean or maximum activity.
        mapping: The best of each layer's mappings at every setting, or one frozen over the grid.
        study: Another network, array or set of mappings.

    Returns:
        Rows in the order mode, sparsity, bits, format; energy in microjoules, errors relative, `published_`
        values None where there are none.

    Raises:
        DataError: The table is missing or broken.
    """
    path = Path(table) if table else find_table(statistic)
    published: Table = read_table(path) if path else {}
    others = {setting for setting, _, activity in published if activity == statistic}
    settings = sorted({*GRID, *others})
    points = [(setting, name) for setting in settings for name in FORMATS]
    return list(_rows(study or Study.load(), points, published, statistic, mapping))


def _rows(
    study: Study, points: Sequence[Point], published: Table, statistic: Statistic, mapping: MappingChoice
) -> Iterator[Row]:
    cost = cost_network(study, points, statistic=statistic, mapping=mapping)
    for (setting, name), energy, cycles in zip(points, cost.total_pj * 1e-6, cost.cycles, strict=True):
        row = published.get((setting, name, statistic))
        yield {
            "mode": setting.mode,
            "weight_sparsity_target": setting.target,
            "bits": setting.bits,
            "spike_density_statistic": statistic,
            "weight_format": name,
            "energy_uJ": float(energy),
            "cycles": int(cycles),
            "weight_sparsity": study.network.mean_sparsity(setting),
            "published_energy_uJ": row.energy_uj if row else None,
            "published_cycles": row.cycles if row else None,
            "published_accuracy": row.accuracy if row else None,
            "energy_error": float(energy) / row.energy_uj - 1.0 if row else None,
            "cycles_error": float(cycles) / row.cycles - 1.0 if row else None,
            "fitted": statistic == "mean" and setting in FIT_SETTINGS,
        }


def summarize(rows: Sequence[Row]) -> Summary:
    """What the study's claims become in our rows."""
    energies = {(_setting(row), row["weight_format"]): row["energy_uJ"] for row in rows}
    known = {
        key: row["published_energy_uJ"]
        for key, row in zip(energies, rows, strict=True)
        if row["published_energy_uJ"] is not None
    }
    quantized = any(setting.target == 0 and setting.mode == "joint" for setting, _ in known)
    compared = quantized and any(setting == _PRUNED for setting, _ in known)
    return Summary(
        fitted_rms=_rms(rows, "energy_error", fitted=True),
        other_rms=_rms(rows, "energy_error", fitted=False),
        fitted_cycles_rms=_rms(rows, "cycles_error", fitted=True),
        other_cycles_rms=_rms(rows, "cycles_error", fitted=False),
        ratio=_ratio(energies),
        published_ratio=_ratio(known) if compared else None,
        order_unpruned=_order(energies, _UNPRUNED),
        order_pruned=_order(energies, _PRUNED),
    )


def _setting(row: Row) -> StudyPoint:
    return StudyPoint(row["mode"], row["weight_sparsity_target"], row["bits"])


def _rms(rows: Sequence[Row], key: str, *, fitted: bool) -> float | None:
    errors = [row[key] for row in rows if row["fitted"] == fitted and row[key] is not None]
    return rms(np.array(errors)) if errors else None


def _ratio(energies: Mapping[Point, float]) -> float:
    quantized = [
        uj for (setting, _), uj in energies.items() if setting.target == 0 and setting.mode == "joint"
    ]
    pruned = [uj for (setting, _), uj in energies.items() if setting == _PRUNED]
    return min(pruned) / min(quantized)


def _order(energies: Mapping[Point, float], setting: StudyPoint) -> tuple[str, ...]:
    return tuple(sorted(FORMATS, key=lambda name: energies[setting, name]))
