"""From a published network to a workload: masks of the stated density, spikes spread evenly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spareto.core.errors import ConfigError, Problem
from spareto.records.workload import Layer, Mask, Neuron, Tensor, Workload
from spareto.reproduction.chips.rows import LayerRow, NetworkRow


def workload_of(network: NetworkRow, name: str) -> Workload:
    """The workload a row describes.

    Args:
        network: The network.
        name: Name of the row, for error messages.

    Raises:
        ConfigError: A kernel does not fit its input, or channels are no multiple of the groups.
    """
    layers = [layer for each in network.layers for layer in _copies(each, network.timesteps, name)]
    return Workload(
        network=name, dataset="published", samples=1, timesteps=network.timesteps, layers=tuple(layers)
    )


def _copies(row: LayerRow, timesteps: int, name: str) -> Iterator[Layer]:
    plane = tuple(
        (row.inputs[1 + axis] + 2 * row.padding[axis] - row.kernel[axis]) // row.stride[axis] + 1
        for axis in (0, 1)
    )
    if min(plane) < 1 or row.inputs[0] % row.groups or row.outputs % row.groups:
        got = f"kernel {row.kernel} and {row.groups} groups on {row.inputs}"
        raise ConfigError(Problem(f"{name}.{row.name}", got, "a kernel and groups that fit the input"))
    layer = _layer(row, timesteps, (plane[0], plane[1]))
    if row.copies == 1:
        yield layer
    else:
        yield from (layer.replace(name=f"{row.name}{i}") for i in range(row.copies))


def _layer(row: LayerRow, timesteps: int, plane: tuple[int, int]) -> Layer:
    shape = (row.outputs, row.inputs[0] // row.groups, *row.kernel)
    neurons = row.outputs * plane[0] * plane[1]
    inputs = int(np.prod(row.inputs)) * timesteps
    events = row.events if row.events is not None else (row.rate or 0.0) * inputs
    blank = Layer(
        name=row.name,
        kind="conv2d" if row.inputs[1] * row.inputs[2] > 1 else "linear",
        in_channels=row.inputs[0],
        out_channels=row.outputs,
        kernel=row.kernel,
        stride=row.stride,
        padding=row.padding,
        groups=row.groups,
        timesteps=timesteps,
        weight_bits=row.bits,
        weight_mask=Mask.of(_mask(shape, row.live)),
        input=_tensor(row.inputs, row.input_bits, events),
        output=_tensor((row.outputs, *plane), 1 if row.neurons else 16, 0.0),
        effectual_synops_mean=0.0,
        effectual_synops_max=0.0,
        neuron=Neuron(kind="lif", count=neurons) if row.neurons else None,
    )
    synops = row.synops
    if synops is None:
        synops = events / inputs * blank.dense_synops_inside * blank.live_weights / blank.weight_count
    return blank.replace(effectual_synops_mean=synops, effectual_synops_max=synops)


def _tensor(shape: tuple[int, int, int], bits: int, events: float) -> Tensor:
    kind = "spike" if bits == 1 else "analog"
    return Tensor(shape=shape, kind=kind, bits=bits, nonzero_mean=events, nonzero_max=events)


def _mask(shape: tuple[int, ...], live: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Live weights spread evenly."""
    count = int(np.prod(shape))
    places = np.arange(count, dtype=np.float64)
    return (np.floor((places + 1) * live) > np.floor(places * live)).reshape(shape)
