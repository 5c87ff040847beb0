"""What goes with a pruned channel: its bias, and the batch norms that would shift it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spareto.compression.folding import norms_by_order
from spareto.compression.following import follow
from spareto.compression.layers import synaptic_layers
from spareto.compression.parametrization import KeptChannels, keep_channels
from spareto.compression.runs import bound
from spareto.compression.steps._base import StepContext
from spareto.compression.ties import shared_with
from spareto.core.errors import ConfigError, Problem

Layers = Mapping[str, nn.Module]


def silence_with(layers: Layers, context: StepContext) -> None:
    """Make everything prunable that goes with the channels of layers.

    These are the biases of the layers, and of layers that share their weight, and every batch norm that reads
    their channels: its shift would let a neuron fire for a channel that is gone.

    Raises:
        ConfigError: There are batch norms, and nothing shows what they read.
    """
    network = context.network
    groups = {name: [name, *_partners(network, layer)] for name, layer in layers.items()}
    for name, group in groups.items():
        for member in group:
            keep_channels(network.get_submodule(member), "bias", name)
    if context.stored is not None:
        _as_stored(network, context.stored)
        return
    owners = {member: name for name, group in groups.items() for member in group}
    for norm, layer, places in _norms(network, owners, context):
        for tensor in ("weight", "bias"):
            keep_channels(network.get_submodule(norm), tensor, owners[layer], places)


def silence(network: nn.Module, layer: str, kept: Tensor) -> None:
    """Silence what goes with the channels of one layer.

    Args:
        network: Where `silence_with` has been.
        layer: Name of the layer.
        kept: True for the channels that stay.
    """
    for module in network.modules():
        for part in KeptChannels.of(module):
            if part.decided_by == layer:
                part.keep(kept)


def _as_stored(network: nn.Module, stored: frozenset[str]) -> None:
    """The same batch norms as in a state dict; their masks come from there, and no more is pruned."""
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm):
            for tensor in ("weight", "bias"):
                start = f"{name}.parametrizations.{tensor}.".lstrip(".")
                for key in stored:
                    if key.startswith(start) and key.endswith(".mask"):
                        keep_channels(module, tensor)


def _partners(network: nn.Module, layer: nn.Module) -> list[str]:
    """Layers that share a layer's weight, and so its channels."""
    known = synaptic_layers(network)
    return [name for name in shared_with(network, layer) if name in known]


def _norms(
    network: nn.Module, layers: Mapping[str, str], context: StepContext
) -> Iterator[tuple[str, str, tuple[int, ...] | None]]:
    """Batch norms, the layer whose channels each reads, and which channel of it each of its own is."""
    norms = [name for name, module in network.named_modules() if isinstance(module, _BatchNorm)]
    by_order = norms_by_order(network)
    if all(name in by_order for name in norms):
        yield from ((name, by_order[name], None) for name in norms if by_order[name] in layers)
        return
    if context.run is None:
        rule = "a way to see which batch norm reads the channels that are pruned"
        cure = "Pass 'run' to spareto.compress, or --data to the command."
        raise ConfigError(Problem(context.where, "no data", rule, cure))
    seen = follow(network, bound(context.run, network))
    for name in norms:
        arrival = seen.arrivals.get(name)
        vector = None if arrival is None else arrival.vector()
        for layer in sorted(arrival.layers) if arrival is not None and vector is not None else ():
            places = () if vector is None else _places(vector, seen.channels(layer))
            if layer in layers and max(places, default=-1) >= 0:  # -1: mixed with something else
                yield name, layer, places


def _places(vector: Tensor, channels: Tensor) -> tuple[int, ...]:
    """For each channel of a norm, the layer's channel that it reads; −1 where it reads another layer's."""
    own: Any = torch.where(
        (vector >= channels[0]) & (vector <= channels[-1]),
        vector - channels[0],
        torch.full_like(vector, -1.0),
    )
    return tuple(int(each) for each in own)
