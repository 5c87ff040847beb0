"""The mapper: the best mapping of a layer it can find, and how far from the best possible it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spareto.formats import Format
from spareto.hardware.charging.design_points import DesignPoints, layer_points
from spareto.hardware.charging.layer import Charged, charge
from spareto.hardware.charging.traffic import Table
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.mapping.bound import energy_bound_pj
from spareto.hardware.mapping.capacity import Widths
from spareto.hardware.mapping.descent import Descent
from spareto.hardware.mapping.neighbours import Neighbours, Tiling
from spareto.records.workload import Layer, Statistic

Objective = Literal["energy", "latency", "edp"]


@dataclass(frozen=True)
class FoundMapping:
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
) -> FoundMapping:
    """Look for the mapping of a layer that is best under `objective`, starting from the fixed one.

    Raises:
        CapacityError: Not even a single iteration of the layer fits.
    """
    points = layer_points([layer], accelerator, {"": fmt}, (statistic,))
    return search_points(points, accelerator, Widths.of(layer, accelerator), objective=objective)[0]


def search_points(
    points: DesignPoints, accelerator: Accelerator, widths: Widths, *, objective: Objective = "energy"
) -> list[FoundMapping]:
    """The best mapping of a layer for each of its points; what is evaluated for one serves all.

    Args:
        points: The layer in different widths, sparsities, formats or activities.
        accelerator: The chip.
        widths: Bits its elements take while they are held, at every point.
        objective: What is to become small.

    Raises:
        CapacityError: Not even a single iteration of the layer fits.
    """
    neighbours = Neighbours(LoopProblem.of(points.layer), accelerator, widths)
    descent = Descent(
        neighbours, len(points.points), lambda nest: _value(charge(points, nest, accelerator), objective)
    )
    found: list[FoundMapping | None] = [None] * len(points.points)
    for tiling, chosen in _grouped(descent.run()):
        nest = neighbours.nest(tiling.skeleton, tiling.bounds[None])
        final = charge(points.chosen(chosen), nest, accelerator)
        energy, bound = final.energy_pj(), energy_bound_pj(final)
        for row, place in enumerate(chosen):
            found[place] = FoundMapping(
                nest=nest,
                energy_pj=float(energy[row, 0]),
                latency_cycles=float(final.cycles[row, 0]),
                bound_pj=float(bound[row]),
                evaluated=descent.evaluated,
                rejected=dict(neighbours.rejected),
            )
    return [best for best in found if best]


def _value(charged: Charged, objective: Objective) -> Table:
    if objective == "energy":
        return charged.energy_pj()
    return charged.cycles if objective == "latency" else charged.energy_pj() * charged.cycles


def _grouped(tilings: list[Tiling]) -> list[tuple[Tiling, list[int]]]:
    """Each mapping with the points that take it."""
    groups: dict[object, tuple[Tiling, list[int]]] = {}
    for place, tiling in enumerate(tilings):
        groups.setdefault(tiling.identity, (tiling, []))[1].append(place)
    return list(groups.values())
