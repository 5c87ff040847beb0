"""Hidden channels that always fire together, made one."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from spareto.compression.checks import refuse_unfit
from spareto.compression.copies import Module, copy_of
from spareto.compression.following import Followed, follow
from spareto.compression.runs import Run, bound
from spareto.compression.shrinking.channels import cut_channels, neuron_channels, norms_of
from spareto.compression.shrinking.shrinker import refuse_another_function
from spareto.compression.widening.net2wider import hidden_layers, refuse_compressed
from spareto.widths import value_in_use


def merge_duplicates(network: Module, run: Run) -> Module:
    """A copy in which each group of equal hidden channels is one channel.

    Channels are equal if their weights, biases and batch norms are, and what their neurons have one of per
    channel. What reads them reads the one that stays with the sum of their weights, so the network answers
    as before. Binary channels are often equal: few signs, many channels.

    Args:
        network: Not compressed, for a sum of quantized weights is no code; `bake` it first. Left untouched.
        run: Frames, or a function that runs a network on some and returns its answer.

    Raises:
        ConfigError: The network is compressed, or equal channels cannot be cut out; names the layer.
    """
    refuse_unfit(network)
    rule, cure = "a plain weight, which can hold the sum of two", "Call spareto.bake on a copy first."
    refuse_compressed(network, rule, cure)
    seen = follow(network, bound(run, network))
    groups = {name: _same(network, name, seen) for name in hidden_layers(network, seen)}
    keep = {
        name: first == torch.arange(len(first))
        for name, first in groups.items()
        if len(first.unique()) < len(first)
    }
    summed = copy_of(network)
    with torch.no_grad():
        for name in keep:
            _sum_readers(summed, name, groups[name], seen)
    smaller = cut_channels(summed, seen, keep)
    refuse_another_function(network, smaller, run, "the same output with one channel for equal ones")
    return smaller


def _same(network: nn.Module, name: str, seen: Followed) -> Tensor:
    """For each channel of a layer the first one that is equal to it."""
    columns = list(_columns(network, name, seen))
    table = torch.cat([each.reshape(seen.size[name], -1).double() for each in columns], 1)
    _, group = torch.unique(table, dim=0, return_inverse=True)
    first = torch.full((len(group),), len(group))
    first.scatter_reduce_(0, group, torch.arange(len(group)), "amin")
    return first[group]


def _columns(network: nn.Module, name: str, seen: Followed) -> Iterator[Tensor]:
    """Everything a layer's channels have one of."""
    layer, size = network.get_submodule(name), seen.size[name]
    yield value_in_use(layer, "weight").cpu()
    if getattr(layer, "bias", None) is not None:
        yield value_in_use(layer, "bias").cpu()
    for norm, places, channel in norms_of(name, seen):
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            value = getattr(norm, tensor)
            if value is not None:
                yield (
                    torch.zeros(size)
                    .to(value.detach().cpu())
                    .index_copy(0, channel, value.detach().cpu()[places])
                )
    for arrival in seen.arrivals.values():
        if arrival.kind == "neuron" and name in arrival.layers and arrival.module is not None:
            axis, vector = neuron_channels(arrival)
            own = (vector >= seen.first[name]) & (vector < seen.first[name] + size)
            for tensor in (*arrival.module.parameters(), *arrival.module.buffers()):
                if tensor.dim() >= -axis and tensor.shape[axis] == len(vector) > 1:
                    yield tensor.detach().cpu().movedim(axis, 0)[own].reshape(size, -1)


def _sum_readers(network: nn.Module, name: str, first: Tensor, seen: Followed) -> None:
    """Give the inputs of the channels that stay the weights of those that go."""
    for arrival in seen.arrivals.values():
        vector = arrival.vector() if arrival.kind == "layer" and name in arrival.layers else None
        if vector is None:
            continue  # an obstacle, which the cut names
        weight = network.get_submodule(arrival.reader).get_parameter("weight")
        for channel, stays in enumerate(first.tolist()):
            if stays != channel:
                own, other = (vector == seen.first[name] + each for each in (channel, stays))
                weight[:, other] += weight[:, own]
