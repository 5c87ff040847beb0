"""Several inferences one after the other, which share what is loaded or filled once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import numpy as np
from pydantic import BaseModel

from spareto.core.arguments import whole
from spareto.core.config import RecordT
from spareto.records.cost import Cost, LayerCost
from spareto.records.workload import Layer, Numbers, Product, Tensor, Workload

_MOST: Final = 10_000


def batched(workload: Workload, inferences: int) -> Workload:
    """A workload that does so many inferences: as many times the timesteps, with their activity.

    Args:
        workload: One inference.
        inferences: How many follow each other.

    Raises:
        ConfigError: There are fewer than one, or more than 10,000, beyond which little is shared anew.
    """
    if whole(inferences, "batch", 1, _MOST) == 1:
        return workload
    changes = {
        "timesteps": workload.timesteps * inferences,
        "layers": tuple(_layer(layer, inferences) for layer in workload.layers),
        "products": tuple(_product(product, inferences) for product in workload.products),
    }
    return _unchecked(workload, changes)


def per_inference(cost: Cost, inferences: int) -> Cost:
    """The cost of a batch, divided by its inferences; stored weights stay what they are."""
    if inferences == 1:
        return cost
    pipeline = cost.pipeline
    if pipeline:
        own = pipeline.timesteps // inferences
        pipeline = pipeline.replace(timesteps=own, inferences=inferences)
    layers = tuple(_divided(layer, inferences) for layer in cost.layers)
    return cost.replace(batch=inferences, layers=layers, pipeline=pipeline)


def _layer(layer: Layer, times: int) -> Layer:
    counts = (
        "effectual_synops_mean",
        "effectual_synops_max",
        "reached_synops_mean",
        "reached_synops_max",
        "touched_updates_mean",
        "touched_updates_max",
    )
    known = {name: getattr(layer, name) for name in counts}
    changes: dict[str, object] = {n: None if count is None else count * times for n, count in known.items()}
    changes |= {
        "timesteps": layer.timesteps * times,
        "input": _tensor(layer.input, layer.timesteps, times),
        "output": _tensor(layer.output, layer.timesteps, times),
        "source": _tensor(layer.source, layer.timesteps, times) if layer.source else None,
        "reaching": Numbers.of(layer.reaching.array() * times) if layer.reaching else None,
    }
    return _unchecked(layer, changes)


def _product(product: Product, times: int) -> Product:
    tensors = {
        name: _tensor(getattr(product, name), product.timesteps, times)
        for name in ("left", "right", "output")
    }
    changes = {
        **tensors,
        "timesteps": product.timesteps * times,
        "effectual_mean": product.effectual_mean * times,
        "effectual_max": product.effectual_max * times,
    }
    return _unchecked(product, changes)


def _tensor(tensor: Tensor, timesteps: int, times: int) -> Tensor:
    by_channel = tensor.nonzero_by_channel
    changes: dict[str, object] = {
        "nonzero_mean": tensor.nonzero_mean * times,
        "nonzero_max": tensor.nonzero_max * times,
        "nonzero_per_timestep": tensor.nonzero_per_timestep * times,
        "nonzero_by_channel": Numbers.of(np.tile(by_channel.array(), (times, 1))) if by_channel else None,
        "awake_mean": _awake(tensor.awake_mean, tensor.size, timesteps, times),
        "awake_max": _awake(tensor.awake_max, tensor.size, timesteps, times),
        "stored_bits": {
            name: (mean * times, most * times) for name, (mean, most) in tensor.stored_bits.items()
        },
        "awake_windows": tuple((mean * times, most * times) for mean, most in tensor.awake_windows),
    }
    return _unchecked(tensor, changes)


def _unchecked(record: RecordT, changes: Mapping[str, Any]) -> RecordT:
    """A copy of a checked record, itself unchecked: `_awake` may be above the number of spikes."""
    return cast(RecordT, BaseModel.model_copy(record, update=changes))


def _awake(awake: float | None, size: int, timesteps: int, times: int) -> float | None:
    """Elements awake in one long train for which words of all timesteps take as much as apart."""
    return None if awake is None else min(float(size), awake + size * (times - 1) / (times * timesteps))


def _divided(layer: LayerCost, inferences: int) -> LayerCost:
    actions = tuple(
        action.replace(
            count=action.count / inferences,
            energy_pj=action.energy_pj / inferences,
            bits=action.bits / inferences,
        )
        for action in layer.actions
    )
    return layer.replace(
        latency_cycles=layer.latency_cycles / inferences,
        actions=actions,
        steps=max(1, layer.steps // inferences),
    )
