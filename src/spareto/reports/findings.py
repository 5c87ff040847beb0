"""Findings about one point, each a sentence computed from its cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean

from spareto.core.amounts import percent
from spareto.records.cost import Cost, energy_by_part
from spareto.records.rows import MeanRow
from spareto.reports.results import StudyResults

FEW, MOST = 0.25, 0.5
"""Shares of the energy: below the first a part hardly matters, from the second on it decides."""


def findings(results: StudyResults, row: MeanRow) -> list[str]:
    """What takes the energy of a point, and so what would lower it."""
    costs = [trial.best_cost for trial in results.of(row)]
    total = mean(cost.energy_pj for cost in costs)
    if not total:
        return []
    return [*_largest(costs, total), *_weights(costs, total), *_layer(costs, total)]


def spread_of(share: float, std: float, seeds: int, samples: int) -> float:
    """How far an accuracy may be off: the seeds' standard deviation, or that of counting samples.

    Args:
        share: The accuracy, 0..1.
        std: Its standard deviation over seeds.
        seeds: How many there are.
        samples: Samples it is measured on; 0 where that is not known.

    Returns:
        A share, 0..1. A single seed on n samples counts right answers, so its spread is that of a binomial
        count, sqrt(p (1 - p) / n); it is known to be too small, for another seed is another network.
    """
    if seeds > 1:
        return std
    return math.sqrt(max(0.0, share * (1 - share)) / samples) if samples else 0.0


def _largest(costs: Sequence[Cost], total: float) -> list[str]:
    shares: dict[str, float] = {}
    for cost in costs:
        for name, energy in cost.energy_by_component().items():
            shares[name] = shares.get(name, 0.0) + energy / len(costs) / total
    name, share = max(shares.items(), key=lambda pair: pair[1])
    return [f"{name} takes {percent(share)} of the energy that is left."]


def _weights(costs: Sequence[Cost], total: float) -> list[str]:
    parts = [energy_by_part(cost) for cost in costs]
    share = mean(each["weights"] for each in parts) / total
    if share < FEW:
        return [
            f"Weights and their metadata take only {percent(share)}: fewer weight bits will hardly help now."
        ]
    if share >= MOST:
        return [f"Weights and their metadata take {percent(share)}: fewer bits or weights still pay."]
    return []


def _layer(costs: Sequence[Cost], total: float) -> list[str]:
    energies: dict[str, float] = {}
    for cost in costs:
        for layer in cost.attributed:
            energies[layer.name] = energies.get(layer.name, 0.0) + layer.energy_pj / len(costs)
    if len(energies) < 2:
        return []
    name, energy = max(energies.items(), key=lambda pair: pair[1])
    return [f"The layer {name} takes {percent(energy / total)} of it."]
