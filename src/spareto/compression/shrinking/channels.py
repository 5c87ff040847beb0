"""Cut channels out of a network, by masks or by a list of channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from spareto.compression.copies import Module, copy_of
from spareto.compression.following import Arrival, Followed
from spareto.compression.shrinking.cut import resize, select, select_neurons
from spareto.compression.shrinking.obstacles import obstacles
from spareto.core.errors import ConfigError


def cut_channels(network: Module, seen: Followed, keep: Mapping[str, Tensor]) -> Module:
    """A copy of a network without some output channels of some layers, and all that goes with them.

    Args:
        network: Left untouched.
        seen: What its run has shown.
        keep: Layer to True for each of its channels that stays.

    Raises:
        ConfigError: A channel cannot be cut out; names the layer and why.
    """
    ConfigError.if_any(obstacles(network, keep, seen))
    smaller = copy_of(network)
    gone = torch.cat([seen.channels(name)[~kept] for name, kept in keep.items()]) if keep else torch.empty(0)
    with torch.no_grad():
        for name, kept in keep.items():
            _cut_outputs(smaller.get_submodule(name), kept)
        for arrival in seen.arrivals.values():
            if arrival.layers & set(keep):
                _cut_inputs(smaller.get_submodule(arrival.reader), arrival, gone)
    return smaller


def norms_of(layer: str, seen: Followed) -> Iterator[tuple[nn.Module, Tensor, Tensor]]:
    """Batch norms that read a layer's channels: the norm, its positions, and the channel each of them is."""
    for arrival in seen.arrivals.values():
        vector = arrival.vector() if arrival.kind == "norm" and layer in arrival.layers else None
        if vector is not None and arrival.module is not None:
            first, size = seen.first[layer], seen.size[layer]
            own = torch.nonzero((vector >= first) & (vector < first + size)).flatten()
            yield arrival.module, own, (vector[own] - first).long()


def _cut_outputs(layer: nn.Module, kept: Tensor) -> None:
    positions = torch.nonzero(kept).flatten()
    for tensor in ("weight", "bias"):
        select(layer, tensor, 0, positions)
    resize(layer)


def _cut_inputs(module: nn.Module, arrival: Arrival, gone: Tensor) -> None:
    if arrival.kind == "neuron":
        axis, vector = neuron_channels(arrival)
        select_neurons(module, -axis, len(vector), _positions(vector, gone))
        return
    vector = arrival.vector()
    assert vector is not None, "what differs between calls is an obstacle"
    select_inputs(module, arrival.kind, _positions(vector, gone))


def neuron_channels(arrival: Arrival) -> tuple[int, Tensor]:
    """The axis along which channels reach neurons, and the channel at each place."""
    marks = arrival.marks[0]
    assert marks is not None, "what is unknown is an obstacle"
    axis = marks.axis()
    assert axis is not None, "what lies along several axes is an obstacle"
    vector = marks.along(axis)
    assert vector is not None, "it lies along one axis"
    return axis, vector


def select_inputs(module: nn.Module, kind: str, positions: Tensor) -> None:
    """Keep these inputs of a layer, or these channels of a batch norm; a position may come several times."""
    norm = kind == "norm"
    for tensor in ("weight", "bias", "running_mean", "running_var") if norm else ("weight",):
        select(module, tensor, 0 if norm else 1, positions)
    resize(module)


def _positions(vector: Tensor, gone: Tensor) -> Tensor:
    return torch.nonzero(~torch.isin(vector, gone)).flatten()
