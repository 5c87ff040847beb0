"""Static and dynamic sparsity of a measured network, layer by layer and timestep by timestep."""

from __future__ import annotations

from collections.abc import Iterator

from spareto.core.bounds import Amount, Natural
from spareto.core.config import Record
from spareto.records.workload import Layer, Workload


class StepSparsity(Record):
    """One layer at one timestep.

    Args:
        layer: Its name.
        step: The timestep, from 0.
        live_weights: Share of its weights that are not zero: known before it runs.
        live_inputs: Share of its inputs that are not zero, mean over the samples: known when it runs.
        work: Share of the dense layer's operations that are left: a live weight meets a live input. If
            weights and inputs knew nothing of each other, it were the product of the two.

    Reference:
        aliyev2024: both kinds, and what they leave together.
    """

    layer: str
    step: Natural
    live_weights: Amount
    live_inputs: Amount
    work: Amount


def sparsity_by_step(workload: Workload) -> tuple[StepSparsity, ...]:
    """Every layer with weights at every timestep, in the order they run.

    The operations of a layer are counted over all timesteps; those of one are taken to follow its inputs.
    """
    weighted = (layer for layer in workload.layers if layer.kind != "neurons")
    return tuple(each for layer in weighted for each in _of(layer))


def _of(layer: Layer) -> Iterator[StepSparsity]:
    total, steps = layer.input.nonzero_mean, layer.timesteps
    per_step = layer.input.nonzero_per_timestep or (total / steps,) * steps
    dense = layer.dense_synops_inside / steps
    for step, live in enumerate(per_step):
        share = live / total if total else 0.0
        yield StepSparsity(
            layer=layer.name,
            step=step,
            live_weights=1.0 - layer.weight_sparsity,
            live_inputs=live / layer.input.size,
            work=layer.effectual_synops() * share / dense if dense else 0.0,
        )
