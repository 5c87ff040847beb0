"""What a network does per inference beside its energy, under the names NeuroBench gave where it has one."""

from __future__ import annotations

from spareto.core.config import Record
from spareto.records.cost import Cost
from spareto.records.workload import Layer, Statistic, Workload


class Metrics(Record):
    """Figures of one inference.

    Args:
        footprint_bytes: Stored weights with the metadata of their format.
        connection_sparsity: Share of zero weights, 0..1.
        dense_synops: Synaptic operations if every weight and input counted, padding included.
        effective_macs: Live weights met by a non-zero analog input.
        effective_acs: Live weights met by a spike.
        bit_operations: Effective operations times the widths of weight and input.
        spikes: Spikes that all neurons emit.
        energy_delay_pj_cycles: Energy times latency.
        energy_per_effective_synop_pj: Energy by effective operation; 0 if there is none.

    Reference:
        yik2025: NeuroBench's metrics.
    """

    footprint_bytes: float
    connection_sparsity: float
    dense_synops: float
    effective_macs: float
    effective_acs: float
    bit_operations: float
    spikes: float
    energy_delay_pj_cycles: float
    energy_per_effective_synop_pj: float


def metrics(workload: Workload, cost: Cost) -> Metrics:
    """The metrics of a workload and its cost, at the activity the cost was charged for."""
    statistic = cost.statistic
    macs = _effective(workload, "analog", statistic)
    acs = _effective(workload, "spike", statistic)
    return Metrics(
        footprint_bytes=cost.footprint_bits / 8,
        connection_sparsity=workload.weight_sparsity,
        dense_synops=sum(layer.dense_synops for layer in workload.layers),
        effective_macs=macs,
        effective_acs=acs,
        bit_operations=sum(_bit_operations(layer, statistic) for layer in workload.layers),
        spikes=sum(layer.output.nonzero(statistic) for layer in workload.layers if layer.neuron),
        energy_delay_pj_cycles=cost.energy_pj * cost.latency_cycles,
        energy_per_effective_synop_pj=cost.energy_pj / (macs + acs) if macs + acs else 0.0,
    )


def _effective(workload: Workload, kind: str, statistic: Statistic) -> float:
    layers = (layer for layer in workload.layers if layer.input.kind == kind)
    return sum(layer.effectual_synops(statistic) for layer in layers)


def _bit_operations(layer: Layer, statistic: Statistic) -> float:
    return layer.effectual_synops(statistic) * layer.weight_bits * layer.input.bits
