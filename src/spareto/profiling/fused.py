"""Which layers may run fused while they are counted: the kernels' bits are then counted, not tensors.

A layer runs as in evaluation if its trace is one product and the neurons charged to it, both with time before
samples. All others, and those that the kernels turn out not to know, run child by child and are seen there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from torch import nn

from spareto.kernels.library import backend
from spareto.layers._base import SpikingLayer
from spareto.layers._fusion import hooked
from spareto.observing.observation import Call, Observation
from spareto.profiling.axes import Layout
from spareto.profiling.charging import CountingPlan
from spareto.profiling.effects import is_plain
from spareto.profiling.tracer import NeuronEvent, ProductEvent, Trace


@dataclass(frozen=True)
class FusedLayer:
    """A layer that may run fused.

    Args:
        product: Place of its product in the plan.
        operator: Place of the same among the plan's operators.
        neurons: Place of its neurons in the plan.
        neuron: Name of the neuron module.
    """

    product: int
    operator: int
    neurons: int
    neuron: str


def fused_layers(plan: CountingPlan, trace: Trace) -> Mapping[object, FusedLayer]:
    """The layers that may, by module.

    Args:
        plan: What is counted.
        trace: A run on a few samples, child by child.
    """
    if plan.spikes or backend() != "c":  # operators that give spikes are known by their number
        return {}
    seen = trace.recorder.seen
    times = Counter(call.module for call in seen.calls)
    layers = [call for call in seen.calls if _is_layer(call.module) and times[call.module] == 1]
    return {call.module: found for call in layers for found in _found(call, plan, trace, seen)}


def _is_layer(module: nn.Module) -> bool:
    """Whether it has sums and neurons, and no hooks of others on them."""
    return isinstance(module, SpikingLayer) and bool(module.sums) and not hooked(tuple(module.children()))


def _found(call: Call, plan: CountingPlan, trace: Trace, seen: Observation) -> Iterator[FusedLayer]:
    inside = [
        (place, event)
        for place, ((_, event), at) in enumerate(zip(trace.operators, trace.at, strict=True))
        if call.first <= at < call.end
    ]
    fired = [event for event in trace.neurons if call.first <= event.operation < call.end]
    if len(inside) != 1 or len(fired) != 1:
        return
    (operator, product), neurons = inside[0], fired[0]
    place = plan.operators[operator][2]
    if product is None or place is None or not _alone(plan, place, product, neurons):
        return
    entered, flat = seen.values[call.reads[0]].shape[2:], tuple(product.x.shape[1:])
    flattens = isinstance(call.module, SpikingLayer) and call.module.flattens
    if ((prod(entered),) if flattens else entered) != flat:
        return  # it is padded before the product, or cut
    yield FusedLayer(place, operator, plan.calls[neurons.module, neurons.occurrence], neurons.module)


def _alone(plan: CountingPlan, place: int, product: ProductEvent, neurons: NeuronEvent) -> bool:
    """Whether product and neurons are one use each, plain, with time before samples."""
    planned = plan.products[place]
    group = plan.calls[neurons.module, neurons.occurrence]
    uses = planned.use, plan.neurons[group]
    return (
        planned.neurons == group
        and group not in plan.alone
        and product.product.kind != "embedding"
        and is_plain(product.product)
        and all(len(use.events) == 1 and not use.looped for use in uses)
        and all(_ordered(use.layout, plan.steps) for use in uses)
        and not (planned.use.before or planned.use.behind or uses[1].before or uses[1].behind)
        and neurons.facts is not None
        and neurons.facts.spikes == 0
        and not neurons.facts.counts
        and not neurons.facts.products
    )


def _ordered(layout: Layout, steps: int) -> bool:
    """Whether it holds all timesteps of the first sample's neighbours, one timestep after the other."""
    kinds = [kind for axis in layout.axes for _, kind in axis]
    return layout.steps == steps and kinds == (["time", "batch"] if steps > 1 else ["batch"])
