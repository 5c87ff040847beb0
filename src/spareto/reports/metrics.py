"""The quantities that a front can be drawn over, each with its unit and what it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Final, Literal

from spareto.records.cost import Cost
from spareto.records.trial import Trial

Unit = Literal["share", "pJ", "cycles", "us", "pJ·cycles", "bytes", "operations", "bits", "um2"]


@dataclass(frozen=True)
class ReportMetric:
    """One quantity of a trial.

    Args:
        key: Its name in JSON, with its unit.
        name: What an axis says.
        unit: Unit of `value`; the page may write another prefix before it.
        better: Whether more or less of it is better.
        about: One sentence for readers who do not know the word.
        value: The quantity of a trial; None where it is not known.
        of_cost: That of one cost, where the weight format changes it; `value` is then that of the best.
    """

    key: str
    name: str
    unit: Unit
    better: Literal["max", "min"]
    about: str
    value: Callable[[Trial], float | None]
    of_cost: Callable[[Cost], float | None] | None = None


def _costed(
    key: str, name: str, unit: Unit, about: str, of_cost: Callable[[Cost], float | None]
) -> ReportMetric:
    """A metric that a weight format changes: less is better, and a trial has that of its best format."""
    return ReportMetric(key, name, unit, "min", about, lambda trial: of_cost(trial.best_cost), of_cost)


METRICS: Final = (
    ReportMetric(
        "accuracy",
        "accuracy",
        "share",
        "max",
        "Share of the samples that are classified correctly; networks are compared by it.",
        lambda trial: trial.chosen_by,
    ),
    ReportMetric(
        "test_accuracy",
        "test accuracy",
        "share",
        "max",
        "Share of the test samples that are classified correctly; no network was chosen by it.",
        lambda trial: None if trial.validation_accuracy is None else trial.accuracy,
    ),
    _costed(
        "energy_pj",
        "energy",
        "pJ",
        "Modelled energy of one inference, all timesteps, in the weight format that takes least.",
        lambda cost: cost.energy_pj,
    ),
    _costed(
        "latency_cycles",
        "cycles",
        "cycles",
        "Clock cycles of one inference on the accelerator.",
        lambda cost: cost.latency_cycles,
    ),
    _costed(
        "latency_us",
        "time",
        "us",
        "Cycles divided by the accelerator's clock.",
        lambda cost: cost.latency_us,
    ),
    _costed(
        "energy_delay_pj_cycles",
        "energy × delay",
        "pJ·cycles",
        "Energy-delay product (EDP): energy times cycles. It is small only where both are.",
        lambda cost: cost.energy_delay_pj_cycles,
    ),
    _costed(
        "stored_bytes",
        "stored weights",
        "bytes",
        "Weights as they are stored, with the metadata that says where the zeros are.",
        lambda cost: cost.footprint_bits / 8,
    ),
    ReportMetric(
        "synops",
        "SynOps",
        "operations",
        "min",
        "Synaptic operations: a weight that is not zero meets a spike. Mean of one inference.",
        lambda trial: trial.synops,
    ),
    ReportMetric(
        "bit_operations",
        "BOPs",
        "operations",
        "min",
        "Bit operations: synaptic operations times the bits of the weight and of the input.",
        lambda trial: trial.bit_operations,
    ),
    ReportMetric(
        "static_bops",
        "static BOPs",
        "operations",
        "min",
        "Bit operations by shape, widths and zeros alone, whatever the spikes.",
        lambda trial: trial.static_bops,
    ),
    ReportMetric(
        "neural_efficiency",
        "neural efficiency",
        "share",
        "max",
        "Entropy of the neurons' on-off patterns over the validation samples, by neuron; mean of the layers.",
        lambda trial: trial.neural_efficiency,
    ),
    ReportMetric(
        "aiq",
        "aIQ",
        "share",
        "max",
        "Artificial intelligence quotient: cube root of accuracy squared times neural efficiency.",
        lambda trial: trial.artificial_intelligence_quotient,
    ),
    ReportMetric(
        "area_um2",
        "area",
        "um2",
        "min",
        "Silicon of the accelerator, as far as its description says.",
        lambda trial: trial.best_cost.area_um2,
    ),
)


def known(metrics: Sequence[ReportMetric], trials: Sequence[Trial]) -> list[ReportMetric]:
    """The metrics that every trial has and that differ somewhere; accuracy and energy always."""
    found: list[ReportMetric] = []
    for metric in metrics:
        values = [metric.value(trial) for trial in trials]
        always = metric.key in ("accuracy", "energy_pj")
        if always or (None not in values and len(set(values)) > 1):
            found.append(metric)
    return found


def mean_and_spread(values: Sequence[float | None]) -> tuple[float | None, float]:
    """Mean and sample standard deviation; no mean where a value is missing, no spread of one value."""
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values) or not numbers:
        return None, 0.0
    return mean(numbers), stdev(numbers) if len(numbers) > 1 else 0.0
