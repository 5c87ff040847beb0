"""Findings about one point, each a sentence computed from its cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean

from spareto.core.amounts import percent
from spareto.records.cost import Cost, energy_by_part, part_of
from spareto.records.rows import MeanRow
from spareto.reports.results import StudyResults

FEW, MOST = 0.25, 0.5
"""Shares of the energy: below the first a part hardly matters, from the second on it decides."""


def findings(results: StudyResults, row: MeanRow) -> list[str]:
    """What takes the energy of a point, and so what would lower it: at most three sentences."""
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
    """The component that takes most, and what it spends most of that on."""
    parts: dict[str, dict[str, float]] = {}
    for cost in costs:
        for layer in cost.attributed:
            for action in layer.actions:
                spent = parts.setdefault(action.component, {})
                spent[part_of(action)] = spent.get(part_of(action), 0.0) + action.energy_pj / len(costs)
    name, spent = max(parts.items(), key=lambda pair: sum(pair[1].values()))
    part, most = max(spent.items(), key=lambda pair: pair[1])
    whole = sum(spent.values())
    only = "all of it" if most > 0.9995 * whole else f"{percent(most / whole)} of it"
    purpose = "" if name == _SPENT_ON[part] else f", {only} for {_SPENT_ON[part]}"
    return [f"{name} takes {percent(whole / total)} of the energy{purpose}."]


_SPENT_ON = {
    "sums": "synaptic operations",
    "weights": "weights",
    "inputs": "inputs",
    "outputs": "outputs and partial sums",
    "neurons": "neurons and their states",
    "idle": "leakage",
    "other": "what belongs to no tensor",
}


def _weights(costs: Sequence[Cost], total: float) -> list[str]:
    """Whether a further compression of the weights can pay."""
    share = mean(energy_by_part(cost)["weights"] for cost in costs) / total
    if share < FEW:
        told = f"only {percent(share)}: fewer weight bits will hardly help now"
    elif share >= MOST:
        told = f"{percent(share)}: fewer bits or more zeros still pay"
    else:
        told = f"{percent(share)}: fewer bits or more zeros can save no more than that"
    return [f"Weights and their metadata take {told}."]


def _layer(costs: Sequence[Cost], total: float) -> list[str]:
    energies: dict[str, float] = {}
    for cost in costs:
        for layer in cost.attributed:
            energies[layer.name] = energies.get(layer.name, 0.0) + layer.energy_pj / len(costs)
    if len(energies) < 2:
        return []
    name, energy = max(energies.items(), key=lambda pair: pair[1])
    return [f"Of the {len(energies)} layers, {name} takes most energy: {percent(energy / total)}."]
