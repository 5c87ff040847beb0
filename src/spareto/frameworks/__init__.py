"""What is known of the modules of snnTorch, SpikingJelly, Norse, sinabs, torch and our own: one file each.

Classes are known by their names; no framework is imported. Example:

    >>> from spareto.frameworks import neuron_facts
    >>> from spareto.neurons import registry
    >>> neuron_facts(registry.make("lif")).kind
    'lif'
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import nn

from spareto.frameworks._lookup import facts_of, framework_of, kept, verdict
from spareto.frameworks._rows import Axes as Axes
from spareto.frameworks._rows import Counted, Free, Refused
from spareto.frameworks._rows import NeuronFacts as NeuronFacts

__all__ = [
    "Axes",
    "NeuronFacts",
    "aside",
    "free_reason",
    "hands_state",
    "is_layer",
    "keeps_state",
    "neuron_facts",
    "refused_reason",
    "reset_state",
    "state_names",
    "time_of",
]


def neuron_facts(module: nn.Module) -> NeuronFacts | None:
    """What a layer of neurons does; None of a module that is no known neuron.

    A class derived from a known neuron counts as that neuron.
    """
    return facts_of(module)


def free_reason(module: nn.Module) -> str | None:
    """Why a module costs nothing: a container, a pool, a folded norm ...; None if it is not known to."""
    found = verdict(module)
    return found.why if isinstance(found, Free) else None


def refused_reason(module: nn.Module) -> str | None:
    """Why a known module cannot be costed; None of others, the unknown ones too."""
    found = verdict(module)
    return found.why if isinstance(found, Refused) else None


def is_layer(module: nn.Module) -> bool:
    """Whether a module is a known layer that owns weights."""
    return isinstance(verdict(module), Counted)


def reset_state(network: nn.Module) -> tuple[str, ...]:
    """Put every state that modules keep between calls back to its beginning.

    Returns:
        What was reset, one sentence per framework; empty if nothing keeps a state.
    """
    told: dict[str, None] = {}
    for _, module, framework in kept(network):
        framework.reset(module)
        told[framework.told] = None
    return tuple(told)


def keeps_state(network: nn.Module) -> tuple[str, ...]:
    """Dotted names of the known modules whose state survives a call."""
    return tuple(name for name, _, _ in kept(network))


def state_names(network: nn.Module) -> frozenset[str]:
    """Entries of the network's state dict that are neuron state, not weights: their shape is a batch's."""
    return frozenset(
        f"{name}.{buffer}".lstrip(".")
        for name, module, framework in kept(network)
        for buffer in framework.state_buffers(module)
    )


def claimed_buffers(network: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """Buffers that a neuron takes for its state though a layer inside of it owns them.

    Yields:
        Dotted name of the layer, the neuron, and the buffer's name in the layer.
    """
    for name, neuron, framework in kept(network):
        for inner, module in neuron.named_modules(prefix=name) if framework.claims(neuron) else ():
            if module is not neuron:
                yield from ((inner, neuron, buffer) for buffer, _ in module.named_buffers(recurse=False))


def aside(network: nn.Module) -> frozenset[nn.Module]:
    """Modules that a network keeps but no inference runs, such as sinabs' network before its conversion."""
    found: set[nn.Module] = set()
    for module in network.modules():
        for kind in type(module).__mro__:
            framework = framework_of(kind)
            for name in () if framework is None else framework.aside.get(kind.__name__, ()):
                kept_beside = getattr(module, name, None)
                found.update(kept_beside.modules() if isinstance(kept_beside, nn.Module) else ())
    return frozenset(found)


def hands_state(module: nn.Module) -> bool:
    """Whether a module returns `(output, state)` and takes the state back as its second argument."""
    for kind in type(module).__mro__:
        framework = framework_of(kind)
        if framework is not None and kind.__name__ in framework.hands_state:
            return True
    return False


def time_of(network: nn.Module) -> Literal["one step", "time-batch", "batch-time"] | None:
    """Axes of the input that the class of a whole network declares; None where it declares none.

    A compiled network declares what the one inside declares.
    """
    network = getattr(network, "_orig_mod", network)
    for kind in type(network).__mro__:
        framework = framework_of(kind)
        if framework is not None and kind.__name__ in framework.whole:
            return framework.whole[kind.__name__]
    return None
