"""Which batch norms can be folded into which layers: only what is proven."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import nn

from spareto.compression.following import Arrival, Followed, follow
from spareto.compression.foreign import own_parametrization
from spareto.compression.layers import SYNAPTIC
from spareto.compression.parametrization import compressed_weight
from spareto.compression.runs import Run, bound
from spareto.compression.ties import aliases, shared_with
from spareto.core.errors import Problem
from spareto.layers import SpikingLayer

NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d)
BY_HAND: Final = "Fold it by hand, or leave it."


@dataclass(frozen=True)
class Folding:
    """Which batch norms are folded, and which stay.

    Args:
        folded: Batch norm to the layer that takes it in, by their dotted names.
        left: One problem for every other batch norm: which, and why it stays.
    """

    folded: dict[str, str]
    left: tuple[Problem, ...]


def plan_folding(network: nn.Module, run: Run | None = None) -> Folding:
    """Which batch norms are proven to be the only reader of a layer.

    Args:
        network: Any network; it is left as it was.
        run: A sample or two, or a function that runs a network on some; without, only the order in an
            `nn.Sequential` is a proof.
    """
    norms = {name: module for name, module in network.named_modules() if isinstance(module, NORMS)}
    pairs, left, seen = norms_by_order(network), dict[str, Problem](), None
    if any(name not in pairs for name in norms):
        if run is None:
            left = {name: _unshown(name) for name in norms if name not in pairs}
        else:
            seen = follow(network, bound(run, network), through=False)
            found = {name: _only_read(name, seen) for name in norms}
            pairs = {name: layer for name, layer in found.items() if isinstance(layer, str)}
            left = {name: why for name, why in found.items() if isinstance(why, Problem)}
    folded: dict[str, str] = {}
    for name in norms:
        if name in pairs:
            problem = _unfit(network, name, pairs[name]) or _read_elsewhere(name, pairs[name], seen)
            if problem is None:
                folded[name] = pairs[name]
            else:
                left[name] = problem
    return Folding(folded, tuple(left[name] for name in norms if name in left))


def norms_by_order(network: nn.Module) -> dict[str, str]:
    """Norm to the layer right before it, where nothing but the container around them can call them."""
    return dict(_by_order(network))


def _by_order(network: nn.Module) -> Iterator[tuple[str, str]]:
    twice = aliases(network)
    for name, module in network.named_modules():
        parts = _parts(module)
        if parts and _is_plain(network, name):
            for (before, layer), (after, norm) in pairwise(parts.items()):
                first, second = (f"{name}.{child}".lstrip(".") for child in (before, after))
                alone = first not in twice and second not in twice
                if isinstance(layer, (*SYNAPTIC,)) and isinstance(norm, NORMS) and alone:
                    yield second, first


def _parts(module: nn.Module) -> dict[str, nn.Module] | None:
    """The parts of a container that feed each other, by name; None of other modules."""
    if isinstance(module, SpikingLayer):
        return module.chain()
    return dict(module.named_children()) if isinstance(module, nn.Sequential) else None


def _is_plain(network: nn.Module, name: str) -> bool:
    """Whether a module and all around it only call their children, as torch's containers and our own do."""
    parts = name.split(".") if name else []
    around = [network.get_submodule(".".join(parts[:depth])) for depth in range(len(parts) + 1)]
    return all(
        type(module) is nn.Sequential
        or type(module).__module__.startswith("spareto.")
        or (isinstance(module, SpikingLayer) and module.chain() is not None)
        for module in around
    )


def _only_read(name: str, seen: Followed) -> str | Problem:
    """The layer of which a batch norm is the only reader, or why there is none."""
    place = f"batch norm '{name}'"
    arrival = seen.arrivals.get(name)
    rule = "a convolution or dense layer whose output it takes"
    if arrival is None:
        return Problem(place, "no call", rule, "Leave it, or run the network so that it is called.")
    layer = _giver(arrival, seen)
    if layer is None:
        return Problem(place, _what_it_reads(arrival), rule, BY_HAND)
    others = {*(seen.readers.get(layer, set()) - {name}), *seen.strangers}
    if layer in seen.returned:
        others = {"the network's output", *others}
    if others:
        got = f"an input of which it is not the only reader: {', '.join(sorted(others))}"
        return Problem(place, got, f"the only reader of layer '{layer}'", BY_HAND)
    return layer


def _read_elsewhere(name: str, layer: str, seen: Followed | None) -> Problem | None:
    """Why a pair stays whose weights or statistics are used in other places too."""
    if seen is None:
        return None
    for owner in (layer, name):
        if reader := _reader_of_values(owner, seen):
            got = f"values of '{owner}' that {reader} reads too"
            return Problem(f"batch norm '{name}'", got, "values that nobody else reads", BY_HAND)
    return None


def _reader_of_values(owner: str, seen: Followed) -> str:
    """The first operator outside of a module that reads its parameters or statistics; empty if none does."""
    values = seen.seen.values
    for operation in seen.seen.operations:
        held = [values[index] for index in operation.reads if not values[index].activation]
        if operation.module != owner and any(
            root.startswith(f"{owner}.") for value in held for root in value.roots
        ):
            short = operation.name.removeprefix("aten::")
            return f"{short} in '{operation.module}'" if operation.module else short
    return ""


def _giver(arrival: Arrival, seen: Followed) -> str | None:
    """The layer whose channels a norm reads, all of them and in order."""
    vector = arrival.vector()
    if vector is None or len(arrival.layers) != 1:
        return None
    (layer,) = arrival.layers
    norms = isinstance(arrival.module, nn.Module) and layer in seen.first
    return layer if norms and torch.equal(vector, seen.channels(layer)) else None


def _what_it_reads(arrival: Arrival) -> str:
    layers = ", ".join(sorted(arrival.layers))
    if not layers:
        return "none before it"
    if arrival.lost:
        return f"the output of {layers} after '{arrival.lost}'"
    return f"outputs of {layers}" if len(arrival.layers) > 1 else f"channels of {layers} in another order"


def _unshown(name: str) -> Problem:
    rule = "a convolution or dense layer whose output it takes"
    cure = "Give `run`, so that the network shows its order."
    return Problem(f"batch norm '{name}'", "none before it", rule, cure)


def _unfit(network: nn.Module, name: str, layer: str) -> Problem | None:
    """Why a proven pair cannot be folded."""
    norm, place = network.get_submodule(name), f"batch norm '{name}'"
    module = network.get_submodule(layer)
    if not isinstance(module, (*SYNAPTIC,)):
        rule = "a convolution or dense layer whose output it takes"
        return Problem(place, f"the output of batch norm '{layer}'", rule, BY_HAND)
    if getattr(norm, "running_var", None) is None:
        rule, cure = "running statistics", "Only these are constants that can be folded."
        return Problem(place, "statistics of each batch", rule, cure)
    compression = compressed_weight(module)
    if compression is not None and compression.quantizer is not None:
        rule, cure = "weights without one", "Fold first, then quantize."
        return Problem(f"layer '{layer}'", "a quantizer", rule, cure)
    for tensor in ("weight", "bias"):
        if others := getattr(module, tensor) is not None and shared_with(network, module, tensor):
            got = f"a {tensor} that layer '{layer}' shares with '{others[0]}'"
            return Problem(place, got, "a layer with weights of its own", BY_HAND)
        if own := own_parametrization(module, tensor):
            got = f"{own} on the {tensor} of layer '{layer}'"
            return Problem(place, got, "a plain weight, which can take a factor", BY_HAND)
    return None
