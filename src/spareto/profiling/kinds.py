"""What runs in a network beside its products: what is free and why, and what nobody charges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from torch import nn

from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import aside, free_reason, is_layer, neuron_facts, refused_reason
from spareto.layers import SpikingLayer
from spareto.profiling.charging import CountingPlan
from spareto.profiling.tracer import Trace
from spareto.records import FreeLayer

SHORTCUT: Final = "one addition a non-zero value, to a potential that is updated anyway"
ELEMENTWISE: Final = "runs no product; what it does element by element is not charged"
PARAMETER: Final = "no counted layer reads it; it is neither stored nor charged"


def free_layers(network: nn.Module, plan: CountingPlan, trace: Trace) -> tuple[FreeLayer, ...]:
    """What costs nothing, each with the reason: modules, shortcuts, and parameters that no layer reads.

    Raises:
        ConfigError: Modules that nobody can cost, or layers and neurons that did not run; all are named.
    """
    _refuse(network, plan, trace)
    counted = {event.module for event in trace.products} | {event.module for event in trace.neurons}
    return (
        *_modules(network, counted),
        *_shortcuts(trace),
        *_parameters(network, trace),
    )


def _refuse(network: nn.Module, plan: CountingPlan, trace: Trace) -> None:
    ran = {call.name for call in trace.recorder.seen.calls}
    seen = {event.module for event in trace.products} | {root for e in trace.products for root in e.roots}
    problems: list[Problem] = []
    for name, module in _outside_neurons(network):
        why = refused_reason(module)
        if why is not None and name in ran:
            rule, cure = "a layer that can be costed", f"It is not: {why}."
            problems.append(Problem(f"layer '{name}'", type(module).__name__, rule, cure))
        used = name in seen or any(root.startswith(f"{name}.") for root in seen)
        unused = (is_layer(module) and not used) or (neuron_facts(module) is not None and name not in ran)
        if unused:
            cure = "Call it, or remove it."
            problems.append(Problem(f"layer '{name}'", "no call", "a module that the network calls", cure))
    ConfigError.if_any(problems)


def _modules(network: nn.Module, counted: set[str]) -> Iterator[FreeLayer]:
    for name, module in _outside_neurons(network):
        leaf = next(module.children(), None) is None
        computes = isinstance(module, SpikingLayer) and module.computes
        if not (leaf or computes) or name in counted or not name:
            continue
        if is_layer(module) or neuron_facts(module) is not None or "parametrizations" in name.split("."):
            continue
        why = free_reason(module) or ELEMENTWISE
        yield FreeLayer(name=name, kind=type(module).__name__, why=why)


def _outside_neurons(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules that are not part of neurons, nor kept aside without running."""
    inner = set(aside(network))
    for name, module in network.named_modules():
        if module not in inner:
            yield name, module
            if neuron_facts(module) is not None:
                inner.update(part for part in module.modules() if not is_layer(part))


def _shortcuts(trace: Trace) -> Iterator[FreeLayer]:
    """Layers that were given a shortcut to their neurons."""
    calls = [call for call in trace.recorder.seen.calls if len(call.reads) > 1]
    given = {call.name for call in calls if isinstance(call.module, SpikingLayer) and call.module.fires}
    for name in sorted(given):
        shortcut = f"{name}.shortcut".lstrip(".")
        yield FreeLayer(name=shortcut, kind="shortcut", why=SHORTCUT)


def _parameters(network: nn.Module, trace: Trace) -> Iterator[FreeLayer]:
    """Parameters that no product reads, outside of neurons and of modules that are known to be free."""
    read = {root for event in trace.products for root in (*event.roots, *event.bias_roots)}
    beside = aside(network)
    known = [
        name
        for name, module in network.named_modules()
        if name and (neuron_facts(module) is not None or _is_known_leaf(module) or module in beside)
    ]
    for name, _ in network.named_parameters():
        owner = name.partition(".parametrizations.")[0]
        if name not in read and not any(owner.startswith(f"{each}.") for each in known):
            layer = owner if owner in {event.name for event in trace.products} else ""
            if not layer and not _of_counted(owner, trace):
                yield FreeLayer(name=name, kind="parameter", why=PARAMETER)


def _of_counted(name: str, trace: Trace) -> bool:
    """Whether a parameter only helps to compute the weight of a counted layer, as a learned scale does."""
    return any(name.startswith(f"{event.name}.parametrizations.") for event in trace.products)


def _is_known_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None and free_reason(module) is not None
