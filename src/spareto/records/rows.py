"""One line of a result table; every unit stands in its key, so that `--json` needs no legend."""

from __future__ import annotations

from typing import TypedDict

from spareto.records.recipe import Regime


class PointRow(TypedDict):
    """What a front, a figure and a table say about one point of the accuracy-energy plane."""

    trial: str
    recipe_hash: str
    regime: Regime
    weight_bits: int
    weight_sparsity: float
    weight_sparsity_target: float
    accuracy: float
    energy_pj: float
    latency_cycles: float
    stored_bytes: float
    weight_format: str
    on_front: bool


class TrialRow(PointRow):
    """One trial: one recipe with one seed."""

    seed: int


class MeanRow(PointRow):
    """One recipe: means over its seeds, and the sample standard deviations (0 for a single seed)."""

    seeds: int
    accuracy_std: float
    energy_pj_std: float
