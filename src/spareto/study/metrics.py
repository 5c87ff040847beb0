"""What a trial can be chosen by: one name, one direction and one unit each; never imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from spareto.core.errors import ConfigError, Problem
from spareto.records.trial import Trial

Sense = Literal["max", "min"]


@dataclass(frozen=True)
class Metric:
    """A number of a trial.

    Args:
        sense: Whether more (`max`) or less (`min`) is better.
        unit: Of the number; empty for shares and counts.
        of: Reads it; None where the trial does not hold it.
        units: Other units that a constraint may be written in, each with its size.
    """

    sense: Sense
    unit: str
    of: Callable[[Trial], float | None]
    units: Mapping[str, float] = field(default_factory=dict[str, float])


BYTES = {"B": 1.0, "KiB": 1024.0, "MiB": 1024.0**2, "kB": 1e3, "MB": 1e6}
METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric("max", "", lambda trial: trial.chosen_by, {"%": 0.01}),
    "energy": Metric(
        "min", "pJ", lambda trial: trial.energy_pj, {"pJ": 1.0, "nJ": 1e3, "uJ": 1e6, "µJ": 1e6, "mJ": 1e9}
    ),
    "cycles": Metric("min", "cycles", lambda trial: trial.best_cost.latency_cycles, {"cycles": 1.0}),
    "edp": Metric("min", "pJ·cycles", lambda trial: trial.best_cost.energy_delay_pj_cycles),
    "stored": Metric("min", "B", lambda trial: trial.best_cost.footprint_bits / 8, BYTES),
    "area": Metric("min", "um2", lambda trial: trial.best_cost.area_um2, {"um2": 1.0, "mm2": 1e6}),
    "cores": Metric("min", "", lambda trial: sum(layer.cores for layer in trial.best_cost.layers)),
    "synops": Metric("min", "", lambda trial: trial.synops),
    "bops": Metric("min", "", lambda trial: trial.bit_operations),
    "static_bops": Metric("min", "", lambda trial: trial.static_bops),
    "neural_efficiency": Metric("max", "", lambda trial: trial.neural_efficiency),
    "aiq": Metric("max", "", lambda trial: trial.artificial_intelligence_quotient),
    "sparsity": Metric("max", "", lambda trial: trial.weight_sparsity, {"%": 0.01}),
}
"""Of a trial's least-energy weight format; `accuracy` is that on the validation split, never on the test
split."""


def value_of(trial: Trial, name: str) -> float:
    """A metric of a trial.

    Raises:
        ConfigError: The trial does not hold it.
    """
    value = METRICS[name].of(trial)
    if value is None:
        cure = "Choose another objective, or an accelerator that says it."
        where = f"metric '{name}' of trial '{trial.recipe.label}'"
        raise ConfigError(Problem(where, "nothing", "a recorded number", cure))
    return value
