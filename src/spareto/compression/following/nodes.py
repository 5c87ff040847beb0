"""Modules that hand channels on as wholes: layers of neurons and the like."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from spareto.compression.following.arrivals import NORMS
from spareto.compression.layers import SYNAPTIC
from spareto.frameworks import neuron_facts
from spareto.observing.watching import tensors


def is_whole(module: nn.Module) -> bool:
    """A known layer of neurons hands each channel on by itself, whatever it computes."""
    facts = neuron_facts(module)
    return facts is not None and not facts.products


def nodes(network: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The largest modules without layers inside, such as neurons: what they hold a channel goes with it."""
    inside = any(isinstance(module, (*SYNAPTIC, *NORMS)) for module in network.modules())
    container = isinstance(network, nn.Sequential | nn.ModuleList | nn.ModuleDict) or not name
    if isinstance(network, (*SYNAPTIC, *NORMS)):
        return
    if not (inside or container):
        if any(True for _ in network.parameters()) or _holds_tensors(network):
            yield name, network
        return
    for child, module in network.named_children():
        yield from nodes(module, f"{name}.{child}" if name else child)


def _holds_tensors(module: nn.Module) -> bool:
    held = (*module.modules(),)
    return (
        any(True for _ in module.buffers())
        or any(True for each in held for _ in tensors({**vars(each), "_modules": None}))
        or is_whole(module)
    )
