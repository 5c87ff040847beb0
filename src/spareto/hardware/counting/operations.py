"""Which of a layer's synaptic operations take a cycle, switch the arithmetic, or read a weight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from spareto.hardware.counting.activity import window_share
from spareto.hardware.describing.accelerator import OnZero
from spareto.records.workload import Layer, Statistic


class Units(Protocol):
    """Whatever does synaptic operations: what it does about zeros, and timesteps it skips at once."""

    @property
    def zero_inputs(self) -> OnZero: ...  # noqa: D102

    @property
    def zero_weights(self) -> OnZero: ...  # noqa: D102

    @property
    def skip_window(self) -> int: ...  # noqa: D102


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
        return max(self.issued - self.executed, 0.0)  # two roundings of one count may differ in the last bit


def count_operations(
    layer: Layer, live: int, compute: Units, statistic: Statistic, *, zeros_located: bool
) -> Operations:
    """Count what is done and what is left out, by the layer's measured activity.

    Args:
        layer: The layer; its effectual operations were measured with the real masks and spikes.
        live: Its weights that are not zero.
        compute: What the units do about zeros.
        statistic: Mean or maximum activity.
        zeros_located: Whether the weights' storage format says where zeros are; if it does not, a zero
            weight can be gated once it is read, but not skipped.
    """
    on_weight: OnZero = compute.zero_weights
    if on_weight == "skip" and not zeros_located:
        on_weight = "gate"
    remaining = _Remaining(layer, live, statistic)
    shared = _Remaining(layer, live, statistic, compute.skip_window)
    looked_up = layer.kind == "embedding"  # no unit runs the rows that nobody asked for
    skips_input, skips_weight = looked_up or compute.zero_inputs == "skip", on_weight == "skip"
    heeds_input, heeds_weight = looked_up or compute.zero_inputs != "compute", on_weight != "compute"
    return Operations(
        issued=shared.count(live_inputs=skips_input, live_weights=skips_weight),
        executed=remaining.count(live_inputs=heeds_input, live_weights=heeds_weight),
        weight_reads=shared.count(live_inputs=heeds_input, live_weights=skips_weight),
        live_only=skips_weight,
    )


@dataclass(frozen=True)
class _Remaining:
    layer: Layer
    live: int
    statistic: Statistic
    window: int = 1

    def count(self, *, live_inputs: bool, live_weights: bool) -> float:
        """Operations left when those with a zero input, a zero weight, or either are dropped.

        An input is dropped if it is zero in all timesteps of the window.
        """
        met = self._met(live_inputs=live_inputs, live_weights=live_weights)
        if not live_inputs or self.window == 1:
            return met
        together = met * window_share(self.layer, self.statistic, self.window)
        most = min(together, _inside(self.layer, live_weights=live_weights))
        if self.statistic == "mean":
            return max(met, most)
        usual = replace(self, statistic="mean").count(live_inputs=True, live_weights=live_weights)
        return max(met, most, usual)  # the samples with most inputs and most operations may be two

    def _met(self, *, live_inputs: bool, live_weights: bool) -> float:
        """The same with inputs dropped timestep by timestep.

        Where the workload does not say how many weights, live or not, meet a non-zero input, the non-zero
        inputs are taken to lie anywhere in the plane: which weights are live does not change it.
        """
        layer = self.layer
        if live_inputs and live_weights:
            return layer.effectual_synops(self.statistic)
        if live_inputs:
            return reached_operations(layer, self.statistic)
        return layer.dense_synops * (self.live / layer.weight_count if live_weights else 1.0)


def reached_operations(layer: Layer, statistic: Statistic) -> float:
    """Weights met by a non-zero input, at least those known to be live.

    Where they were not counted, inputs lie anywhere in the plane; exact but for the zero border.
    """
    reached = layer.reached_synops(statistic)
    if reached is not None:
        return reached
    share = min(1.0, layer.input.nonzero(statistic) / (layer.input.size * layer.timesteps))
    return max(share * layer.dense_synops_inside, layer.effectual_synops(statistic))


def _inside(layer: Layer, *, live_weights: bool) -> float:
    """Operations if every input were there, the zero border left out."""
    if not live_weights:
        return layer.dense_synops_inside
    vertical, horizontal = layer.taps_met()
    return layer.timesteps * float(vertical @ layer.weight_mask.array().sum(axis=(0, 1)) @ horizontal)
