"""What a network does per inference beside its energy.

NeuroBench's names in brackets, where it measures the same.
"""

from __future__ import annotations

from spareto.core.bounds import Amount
from spareto.core.config import Record
from spareto.records.cost import Cost
from spareto.records.workload import Statistic, Workload


class Metrics(Record):
    """Figures of one inference.

    Args:
        footprint_bytes: Stored weights with the metadata of their format (Footprint, which has no format and
            counts the width a tensor is computed in).
        connection_sparsity: Share of zero weights, 0..1 (ConnectionSparsity).
        activation_sparsity: Share of neuron updates without a spike, 0..1 (ActivationSparsity).
        dense_synops: Synaptic operations if every weight and input counted, padding left out (Dense).
        effective_macs: Live weights met by a non-zero analog input (Effective_MACs), and pairs of non-zero
            numbers in products of activations, which NeuroBench does not see.
        effective_acs: Live weights met by a spike (Effective_ACs), and pairs with a spike in such products.
        bit_operations: Effective operations times the widths of weight and input.
        spikes: Spikes that all neurons emit.
        memory_traffic_bytes: Bytes read and written at each memory.
        energy_delay_pj_cycles: Energy times latency.
        energy_delay_pj_us: Energy times latency; None where the clock is not known.
        energy_per_effective_synop_pj: Energy by effective operation; 0 if there is none.

    Reference:
        yik2025: NeuroBench's metrics.
    """

    footprint_bytes: Amount
    connection_sparsity: Amount
    activation_sparsity: Amount
    dense_synops: Amount
    effective_macs: Amount
    effective_acs: Amount
    bit_operations: Amount
    spikes: Amount
    memory_traffic_bytes: dict[str, Amount]
    energy_delay_pj_cycles: Amount
    energy_delay_pj_us: Amount | None
    energy_per_effective_synop_pj: Amount


def metrics(workload: Workload, cost: Cost) -> Metrics:
    """The metrics of a workload and its cost, at the activity the cost was charged for."""
    statistic = cost.statistic
    macs = _effective(workload, "analog", statistic)
    acs = _effective(workload, "spike", statistic)
    return Metrics(
        footprint_bytes=cost.footprint_bits / 8,
        connection_sparsity=workload.weight_sparsity,
        activation_sparsity=_activation_sparsity(workload, statistic),
        dense_synops=sum(layer.dense_synops_inside for layer in workload.layers)
        + sum(product.dense for product in workload.products),
        effective_macs=macs,
        effective_acs=acs,
        bit_operations=sum(
            layer.effectual_synops(statistic) * layer.weight_bits * layer.input.bits
            for layer in workload.layers
        ),
        spikes=_spikes(workload, statistic),
        memory_traffic_bytes=_traffic(cost),
        energy_delay_pj_cycles=cost.energy_delay_pj_cycles,
        energy_delay_pj_us=None if cost.latency_us is None else cost.energy_pj * cost.latency_us,
        energy_per_effective_synop_pj=cost.energy_pj / (macs + acs) if macs + acs else 0.0,
    )


def _effective(workload: Workload, kind: str, statistic: Statistic) -> float:
    layers = (layer for layer in workload.layers if layer.input.kind == kind)
    products = (
        product for product in workload.products if (product.operation == "multiply") == (kind == "analog")
    )
    return sum(layer.effectual_synops(statistic) for layer in layers) + sum(
        product.effectual(statistic) for product in products
    )


def _spikes(workload: Workload, statistic: Statistic) -> float:
    fed = (each for each in (*workload.layers, *workload.products) if each.neuron)
    return sum(each.output.nonzero(statistic) for each in fed)


def _activation_sparsity(workload: Workload, statistic: Statistic) -> float:
    fed = (*workload.layers, *workload.products)
    updates = sum(each.neuron.count * each.timesteps for each in fed if each.neuron)
    return 1.0 - _spikes(workload, statistic) / updates if updates else 0.0


def _traffic(cost: Cost) -> dict[str, float]:
    """Bytes moved at each memory, in the order memories first appear."""
    moved: dict[str, float] = {}
    for layer in cost.layers:
        for action in layer.actions:
            if action.bits:
                moved[action.component] = moved.get(action.component, 0.0) + action.bits / 8
    return moved
