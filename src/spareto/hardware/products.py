"""Products of two activations, as spiking attention has them, costed by the engine of the accelerator.

An accelerator runs such a product as a layer whose weights are the right operand: new ones in every timestep.
So each is costed as a layer of one timestep, and charged once a timestep.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spareto.records.cost import LayerCost
from spareto.records.workload import Layer, Mask, Product, Tensor, Workload

NOTE = "A product of activations: the right operand is loaded like weights in every timestep, none is stored."


def workload_of(workload: Workload) -> Workload:
    """The products of a workload as layers of one timestep."""
    return workload.replace(
        timesteps=1, layers=tuple(layer_of(product) for product in workload.products), products=()
    )


def layer_of(product: Product) -> Layer:
    """One timestep of a product, as a layer whose weights are the right operand."""
    steps, repeats = product.timesteps, product.repeats
    channels, outputs = repeats * product.inner, repeats * product.columns
    left = _step(product.left, (channels, 1, product.rows), steps)
    own = (outputs, 1, product.rows)
    reached = left.nonzero_mean * product.columns, left.nonzero_max * product.columns
    emitted = product.output.shape if product.neuron else own
    same = int(np.prod(emitted)) == int(np.prod(own))
    return Layer(
        name=product.name,
        kind="linear",
        in_channels=channels,
        out_channels=outputs,
        kernel=(1, 1),
        groups=repeats,
        timesteps=1,
        weight_bits=product.right.bits,
        weight_mask=Mask.of(np.ones((outputs, product.inner, 1, 1), np.bool_)),
        input=left,
        output=_step(product.output, own if same else emitted, steps),
        own_plane=None if same else own[1:],
        effectual_synops_mean=product.effectual_mean / steps,
        effectual_synops_max=product.effectual_max / steps,
        reached_synops_mean=reached[0],
        reached_synops_max=reached[1],
        neuron=product.neuron,
        note=NOTE,
    )


def every_timestep(
    costs: Iterable[LayerCost], workload: Workload, weight_format: str
) -> tuple[LayerCost, ...]:
    """Costs of one timestep of each product as costs of an inference, nothing stored."""
    return tuple(
        _times(cost, product, weight_format) for cost, product in zip(costs, workload.products, strict=True)
    )


def _times(cost: LayerCost, product: Product, weight_format: str) -> LayerCost:
    steps = product.timesteps
    actions = tuple(
        action.replace(
            count=action.count * steps, energy_pj=action.energy_pj * steps, bits=action.bits * steps
        )
        for action in cost.actions
    )
    return cost.replace(
        latency_cycles=cost.latency_cycles * steps,
        steps=steps,
        stored_bits=0.0,
        weight_format=weight_format,
        actions=actions,
        notes=(*cost.notes, NOTE),
    )


def _step(tensor: Tensor, shape: tuple[int, int, int], steps: int) -> Tensor:
    """One timestep of a tensor in the shape its layer sees."""
    return Tensor(
        shape=shape,
        kind=tensor.kind,
        bits=tensor.bits,
        nonzero_mean=tensor.nonzero_mean / steps,
        nonzero_max=tensor.nonzero_max / steps,
    )
