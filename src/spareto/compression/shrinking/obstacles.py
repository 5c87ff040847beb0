"""Why channels cannot be cut out of a network."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

from spareto.compression.following import Arrival, Followed
from spareto.compression.foreign import own_parametrization
from spareto.compression.ties import shared_with
from spareto.core.errors import Problem

CURE = "Exclude it from channel pruning, or leave the network as it is."


def obstacles(network: nn.Module, layers: Collection[str], seen: Followed) -> list[Problem]:
    """What stands against cutting channels of some layers; empty where nothing does.

    Args:
        network: The network.
        layers: Names of the layers that lose channels.
        seen: What its run has shown.
    """
    if not layers:
        return []
    return [problem for name in layers for problem in _of_layer(network, name, seen)] + list(_strangers(seen))


def _of_layer(network: nn.Module, name: str, seen: Followed) -> Iterator[Problem]:
    where, layer = f"layer '{name}'", network.get_submodule(name)
    if getattr(layer, "groups", 1) > 1:
        yield Problem(where, "groups", "a layer without groups, to cut channels out of it", CURE)
    yield from _of_weight(network, name, where, layer, "its own weight")
    for arrival in seen.arrivals.values():
        if name in arrival.layers:
            yield from _of_reader(network, where, arrival)


def _of_reader(network: nn.Module, where: str, arrival: Arrival) -> Iterator[Problem]:
    reader = arrival.reader
    rule = f"channels that can be followed to '{reader}'"
    if arrival.kind == "operator":
        rule = "channels that only layers, norms and neurons read"
        yield Problem(where, f"an output that {reader} reads", rule, CURE)
    elif arrival.kind == "parameter":
        rule = "parameters of neurons, norms and layers alone to have one value a channel"
        yield Problem(where, f"an output that meets parameter '{reader}'", rule, CURE)
    elif arrival.lost or not _is_one(arrival):
        got = f"an output that passes through '{arrival.lost or 'several paths'}'"
        yield Problem(where, got, rule, CURE)
    elif getattr(arrival.module, "groups", 1) > 1:
        yield Problem(where, f"a reader with groups, '{reader}'", "one without groups", CURE)
    elif arrival.kind == "layer":
        yield from _of_weight(network, reader, where, arrival.module, f"its reader '{reader}'")


def _is_one(arrival: Arrival) -> bool:
    """Whether the channels reach their reader along one axis, the same in all calls."""
    if arrival.kind != "neuron":
        return arrival.vector() is not None
    axes = {None if marks is None else marks.axis() for marks in arrival.marks}
    orders = {None if marks is None else marks.order() for marks in arrival.marks}
    return len(axes) == 1 and None not in axes and len(orders) == 1


def _of_weight(network: nn.Module, name: str, where: str, layer: Any, whose: str) -> Iterator[Problem]:
    """Weights that others share, or that are computed from others, have no channel to cut."""
    if others := shared_with(network, layer):
        got = f"a weight of '{name}' that '{others[0]}' shares"
        yield Problem(where, got, f"{whose} to be no one else's", CURE)
    if own := own_parametrization(layer):
        yield Problem(where, f"{own} on the weight of '{name}'", f"{whose} to be plain", CURE)


def _strangers(seen: Followed) -> Iterator[Problem]:
    """Readers of what was not seen to come from anywhere, so perhaps from a layer that is to be cut."""
    cure = "Use torch operations on the way there, or leave the network as it is."
    for arrival in seen.arrivals.values():
        if arrival.kind in ("layer", "norm") and None in arrival.marks:
            rule = "one that comes from the network's input"
            yield Problem(f"layer '{arrival.reader}'", "an input of unknown origin", rule, cure)
