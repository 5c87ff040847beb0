"""Which of a layer's synaptic operations take a cycle, switch the arithmetic, or read a weight."""

from __future__ import annotations

from dataclasses import dataclass

from spareto.hardware.accelerator import Compute, OnZero
from spareto.records.workload import Layer, Statistic


@dataclass(frozen=True)
class Operations:
    """Synaptic operations per inference, all channel groups together.

    Args:
        issued: Operations that take a cycle of a unit.
        executed: Operations that are computed.
        weight_reads: Operations that read their weight.
        live_only: Whether zero weights are known without reading them.
    """

    issued: float
    executed: float
    weight_reads: float
    live_only: bool

    @property
    def gated(self) -> float:
        """Operations that take a cycle but are not computed."""
        return self.issued - self.executed


def count_operations(
    layer: Layer, compute: Compute, statistic: Statistic, *, zeros_located: bool
) -> Operations:
    """Count what is done and what is left out, by the layer's measured activity.

    Args:
        layer: The layer; its effectual operations were measured with the real masks and spikes.
        compute: What the units do about zeros.
        statistic: Mean or maximum activity.
        zeros_located: Whether the weights' storage format says where zeros are; if it does not, a zero
            weight can be gated once it is read, but not skipped.
    """
    on_weight: OnZero = compute.zero_weights
    if on_weight == "skip" and not zeros_located:
        on_weight = "gate"
    remaining = _Remaining(layer, statistic)
    skips_input, skips_weight = compute.zero_inputs == "skip", on_weight == "skip"
    heeds_input, heeds_weight = compute.zero_inputs != "compute", on_weight != "compute"
    return Operations(
        issued=remaining.count(live_inputs=skips_input, live_weights=skips_weight),
        executed=remaining.count(live_inputs=heeds_input, live_weights=heeds_weight),
        weight_reads=remaining.count(live_inputs=heeds_input, live_weights=skips_weight),
        live_only=skips_weight,
    )


@dataclass(frozen=True)
class _Remaining:
    layer: Layer
    statistic: Statistic

    def count(self, *, live_inputs: bool, live_weights: bool) -> float:
        """Operations left when those with a zero input, a zero weight, or either are dropped.

        How many non-zero inputs meet any weight, live or not, is not measured; it follows from those that
        meet a live weight as if the live ones were a fair sample.
        """
        layer = self.layer
        if live_inputs and live_weights:
            return layer.effectual_synops(self.statistic)
        if live_inputs:
            live = layer.live_weights
            effectual = layer.effectual_synops(self.statistic)
            return min(effectual * layer.weight_count / live, self._dense) if live else 0.0
        return self._dense * (1.0 - layer.weight_sparsity) if live_weights else self._dense

    @property
    def _dense(self) -> float:
        return float(self.layer.dense_synops)
