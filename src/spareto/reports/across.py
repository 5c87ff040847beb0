"""A quantity that the networks of a study are drawn over: its numbers in one unit, its label, its front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from spareto.core.errors import ConfigError, Problem
from spareto.records.cost import Cost
from spareto.records.rows import MeanRow, row_chosen_by
from spareto.records.trial import Trial
from spareto.reports.metrics import METRICS, ReportMetric, mean_and_spread
from spareto.reports.results import StudyResults

Quantity = Literal["energy", "cycles", "time", "edp", "stored", "synops", "bops", "area"]

_KEYS: Final[dict[Quantity, str]] = {
    "energy": "energy_pj",
    "cycles": "latency_cycles",
    "time": "latency_us",
    "edp": "energy_delay_pj_cycles",
    "stored": "stored_bytes",
    "synops": "synops",
    "bops": "bit_operations",
    "area": "area_um2",
}
_SCALES: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "cycles": (("million cycles", 1e6), ("thousand cycles", 1e3), ("cycles", 1.0)),
    "us": (("s", 1e6), ("ms", 1e3), ("µs", 1.0)),
    "bytes": (("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0)),
    "operations": (("billion", 1e9), ("million", 1e6), ("thousand", 1e3), ("", 1.0)),
    "um2": (("mm²", 1e6), ("µm²", 1.0)),
}


@dataclass(frozen=True)
class Across:
    """One quantity of every network of a study, in the unit that suits the largest.

    Args:
        results: The study.
        metric: What is drawn.
        sign: The unit as a label says it; empty for plain counts.
        size: How much of the metric's own unit one of `sign` is.
    """

    results: StudyResults
    metric: ReportMetric
    sign: str
    size: float

    @property
    def label(self) -> str:
        """What an axis says: `energy per inference (µJ)`."""
        name = {"energy": "energy per inference", "energy × delay": "EDP"}.get(
            self.metric.name, self.metric.name
        )
        return f"{name} ({self.sign})" if self.sign and self.sign != name else name

    def label_of(self, log: bool) -> str:
        """The same for a logarithmic axis: `energy per inference (µJ, log scale)`."""
        if not log:
            return self.label
        return f"{self.label[:-1]}, log scale)" if self.label.endswith(")") else f"{self.label} (log scale)"

    def of(self, row: MeanRow) -> float:
        """The mean over a recipe's seeds."""
        return self._numbers[row["recipe_hash"]][0]

    def spread(self, row: MeanRow) -> float:
        """The standard deviation over a recipe's seeds; 0 for one seed."""
        return self._numbers[row["recipe_hash"]][1]

    def of_trial(self, trial: Trial) -> float:
        """The quantity of one trial."""
        return (self.metric.value(trial) or 0.0) / self.size

    def in_formats(self, row: MeanRow) -> list[float | None]:
        """The quantity in each of the study's weight formats, mean over seeds; None where none was costed."""
        found: list[float | None] = []
        for name in self.results.weight_formats:
            costs = [cost for trial in self.results.of(row) for cost in trial.costs]
            found.append(self._mean([cost for cost in costs if cost.weight_format == name]))
        return found

    def _mean(self, costs: Sequence[Cost]) -> float | None:
        assert self.metric.of_cost is not None
        mean, _ = mean_and_spread([self.metric.of_cost(cost) for cost in costs])
        return None if mean is None else mean / self.size

    @cached_property
    def _numbers(self) -> dict[str, tuple[float, float]]:
        found: dict[str, tuple[float, float]] = {}
        for row in self.results.means:
            mean, spread = mean_and_spread([self.metric.value(trial) for trial in self.results.of(row)])
            found[row["recipe_hash"]] = ((mean or 0.0) / self.size, spread / self.size)
        return found

    @cached_property
    def front(self) -> list[MeanRow]:
        """The undominated recipes, the least of the quantity first."""
        if self.metric.key == "energy_pj":
            return self.results.front
        means = self.results.means
        assert self.results.judge is not None
        points = [(row_chosen_by(row), self.of(row)) for row in means]
        flags = self.results.judge.front(points, ("max", self.metric.better))
        return sorted((row for row, flag in zip(means, flags, strict=True) if flag), key=self.of)

    @cached_property
    def on_front(self) -> frozenset[str]:
        """The hashes of the recipes of `front`."""
        return frozenset(row["recipe_hash"] for row in self.front)


def across(results: StudyResults, quantity: Quantity = "energy", *, formats: bool = False) -> Across:
    """A quantity of a study, in one unit.

    Args:
        results: The study.
        quantity: Which one.
        formats: Whether it is wanted for each weight format.

    Raises:
        ConfigError: Some trial does not know it; or no weight format changes it.
    """
    metric = _metric(quantity)
    values = [metric.value(trial) for trial in results.trials]
    if None in values:
        known = [name for name in _KEYS if all(_metric(name).value(t) is not None for t in results.trials)]
        cure = f"Choose one of {', '.join(known)}."
        raise ConfigError(Problem("--metric", quantity, "what every trial of this study knows", cure))
    if formats and metric.of_cost is None:
        those = ", ".join(name for name in _KEYS if _metric(name).of_cost is not None)
        raise ConfigError(Problem("--metric", quantity, f"what a weight format changes: {those}"))
    sign, size = _scale(results, metric, max((value for value in values if value is not None), default=0.0))
    return Across(results, metric, sign, size)


def _metric(quantity: Quantity) -> ReportMetric:
    return next(each for each in METRICS if each.key == _KEYS[quantity])


def _scale(results: StudyResults, metric: ReportMetric, largest: float) -> tuple[str, float]:
    """Energies have the unit of all figures of the study, for any other quantity the largest decides."""
    unit = results.unit
    if metric.unit == "pJ":
        return unit.sign, unit.pj
    if metric.unit == "pJ·cycles":
        return f"{unit.sign} × kcycles", unit.pj * 1e3
    scales = _SCALES[metric.unit]
    return next((scale for scale in scales if largest >= scale[1]), scales[-1])
