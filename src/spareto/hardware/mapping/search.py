"""The mapper: the best mapping of a layer it can find, and how far from the best possible it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spareto.hardware.accelerator import Accelerator
from spareto.hardware.charging import Charged, charge
from spareto.hardware.formats import Format
from spareto.hardware.mapping.bound import energy_bound_pj
from spareto.hardware.mapping.capacity import Widths
from spareto.hardware.mapping.descent import Descent
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.points import layer_points
from spareto.hardware.problem import Problem
from spareto.hardware.traffic import Amount
from spareto.records.workload import Layer, Statistic

Objective = Literal["energy", "latency", "edp"]


@dataclass(frozen=True)
class Found:
    """The best mapping of a search.

    Args:
        nest: The mapping.
        energy_pj: Its energy, picojoules.
        latency_cycles: Its latency.
        bound_pj: Energy that no mapping of this layer can go below.
        evaluated: Mappings that fit and were evaluated.
        rejected: Mappings that did not fit, by reason.
    """

    nest: Nest
    energy_pj: float
    latency_cycles: float
    bound_pj: float
    evaluated: int
    rejected: Mapping[str, int]

    @property
    def gap(self) -> float:
        """Share by which the energy exceeds its lower bound."""
        return self.energy_pj / self.bound_pj - 1.0


def search(
    layer: Layer,
    accelerator: Accelerator,
    fmt: Format,
    *,
    statistic: Statistic = "mean",
    objective: Objective = "energy",
) -> Found:
    """Look for the mapping of a layer that is best under `objective`, starting from the fixed one.

    Raises:
        CapacityError: Not even a single iteration of the layer fits.
    """
    points = layer_points([layer], accelerator, {"": fmt}, (statistic,))

    def charged(nest: Nest) -> Charged:
        return charge(points, nest, accelerator)

    def value(nest: Nest) -> Amount:
        result = charged(nest)
        if objective == "energy":
            return result.energy_pj()[0]
        return result.cycles[0] if objective == "latency" else (result.energy_pj() * result.cycles)[0]

    descent = Descent(Problem.of(layer), accelerator, Widths.of(layer, accelerator), value)
    best = descent.run()
    final = charged(best)
    return Found(
        nest=best,
        energy_pj=float(final.energy_pj()[0, 0]),
        latency_cycles=float(final.cycles[0, 0]),
        bound_pj=float(energy_bound_pj(final)[0]),
        evaluated=descent.evaluated,
        rejected=dict(descent.rejected),
    )
