"""What must hold of every workload that was counted, whatever the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spareto.core.errors import SparetoError
from spareto.records import Layer, Tensor, Workload

CLOSE = 1e-9


class CountingError(SparetoError):
    """Counts of one network contradict each other: a fault of the profiler."""


def check_invariants(workload: Workload) -> None:
    """Check that counts agree with each other.

    Raises:
        CountingError: They do not; the first contradiction is named.
    """
    for layer in workload.layers:
        for what in _contradictions(layer):
            raise CountingError(f"layer '{layer.name}': {what}. Please report this network.")


def _contradictions(layer: Layer) -> Iterator[str]:
    effectual, reached = layer.effectual_synops_mean, layer.reached_synops_mean or 0.0
    if not _at_most(effectual, reached) or not _at_most(reached, layer.dense_synops):
        yield f"{effectual:g} effectual operations of {reached:g} reached of {layer.dense_synops:g}"
    for tensor in (layer.input, layer.output):
        yield from _sums(tensor)
    if layer.reaching is not None:
        live = layer.weight_mask.array().reshape(layer.groups, -1, *layer.weight_mask.shape[1:]).sum(1)
        met = float((live * layer.reaching.array().reshape(live.shape)).sum())
        if not np.isclose(met, effectual, rtol=CLOSE, atol=1e-6):
            yield f"{effectual:g} effectual operations, {met:g} by the places of the kernel"


def _sums(tensor: Tensor) -> Iterator[str]:
    total = sum(tensor.nonzero_per_timestep)
    if not np.isclose(total, tensor.nonzero_mean, rtol=CLOSE, atol=1e-6):
        yield f"{tensor.nonzero_mean:g} non-zero elements, {total:g} over the timesteps"
    if tensor.nonzero_by_channel is not None:
        by_channel = float(tensor.nonzero_by_channel.array().sum())
        if not np.isclose(by_channel, tensor.nonzero_mean, rtol=CLOSE, atol=1e-6):
            yield f"{tensor.nonzero_mean:g} non-zero elements, {by_channel:g} over the channels"


def _at_most(smaller: float, larger: float) -> bool:
    return smaller <= larger * (1 + CLOSE) + 1e-6
