"""One line of a result table; every unit stands in its key, so that `--json` needs no legend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from spareto.records.trial import Trial, chosen_by


class PointRow(TypedDict):
    """What a front, a figure and a table say about one point of the accuracy-energy plane.

    `accuracy` is that on the test split, None while it is sealed; the front is that of `validation_accuracy`.
    """

    trial: str
    recipe_hash: str
    regime: str
    weight_bits: int
    weight_sparsity: float
    weight_sparsity_target: float
    accuracy: float | None
    validation_accuracy: float | None
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
    accuracy_std: float | None
    validation_accuracy_std: float | None
    energy_pj_std: float


def trial_row(trial: Trial, on_front: bool) -> TrialRow:
    """What tables and fronts say of a trial."""
    recipe, cost = trial.recipe, trial.best_cost
    return TrialRow(
        trial=recipe.label,
        recipe_hash=recipe.hash,
        regime=recipe.regime,
        seed=trial.manifest.seed,
        weight_bits=recipe.weight_bits,
        weight_sparsity=trial.weight_sparsity,
        weight_sparsity_target=recipe.sparsity,
        accuracy=trial.accuracy,
        validation_accuracy=trial.validation_accuracy,
        energy_pj=cost.energy_pj,
        latency_cycles=cost.latency_cycles,
        stored_bytes=cost.footprint_bits / 8,
        weight_format=cost.weight_format,
        on_front=on_front,
    )


def shown_accuracy(row: PointRow) -> float:
    """The accuracy a reader is told: on the test split, and while it is sealed on the validation split."""
    return chosen_by(row["validation_accuracy"], row["accuracy"])


def row_chosen_by(row: PointRow) -> float:
    """The accuracy the front is made of: on the validation split, where there is one."""
    return chosen_by(row["accuracy"], row["validation_accuracy"])


def shown_std(row: MeanRow) -> float:
    """The standard deviation that belongs to `shown_accuracy`."""
    tested, validated = row["accuracy_std"], row["validation_accuracy_std"]
    return (validated or 0.0) if tested is None else tested


def std_chosen_by(row: MeanRow) -> float:
    """The standard deviation that belongs to `row_chosen_by`."""
    tested, validated = row["accuracy_std"], row["validation_accuracy_std"]
    return (tested or 0.0) if validated is None else validated


def split_chosen_by(rows: Iterable[PointRow]) -> str:
    """Which split the accuracies of `row_chosen_by` are from."""
    return "test" if any(row["validation_accuracy"] is None for row in rows) else "validation"


def split_shown(rows: Iterable[PointRow]) -> str:
    """Which split the accuracies of `shown_accuracy` are from."""
    return "validation" if any(row["accuracy"] is None for row in rows) else "test"
