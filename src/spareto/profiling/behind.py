"""Which neurons stand behind a product: the first that its result reaches with no other product between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import torch
from torch import Tensor

from spareto.observing.observation import Observation, Operation
from spareto.profiling.tracer import STEP_OPERATORS, NeuronEvent, ProductEvent, Trace

DATA_NORMS = frozenset(
    f"aten::{name}"
    for name in ("group_norm", "layer_norm", "native_layer_norm", "native_group_norm", "instance_norm")
)


TURNS = frozenset(
    f"aten::{name}" for name in ("transpose", "permute", "t", "numpy_T", "roll", "flip", "index", "cat")
)
"""Operators after which an axis may hold something else."""

REDUCES = frozenset(f"aten::{name}" for name in ("mean", "sum", "amax", "max", "amin", "min"))
"""Operators that make one value of several, beside pools."""

MOVES = frozenset(
    (
        *("select", "slice", "unbind", "split", "split_with_sizes", "chunk", "narrow", "index", "stack"),
        *("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "expand"),
        *("transpose", "permute", "t", "detach", "contiguous", "alias", "to", "_to_copy", "clone", "cat"),
    )
)
"""Operators that compute nothing."""


@dataclass
class Behind:
    """Neurons, and what stands before them.

    Args:
        events: Calls of neurons, and operators that give the spikes of some product; in order.
        first: By operation of a product: the neurons behind it, if there are any.
        walk: Follows results through the trace.
        constant: By operation of a product: what reaches each of its output channels in every timestep
            without any input, from its bias and batch norms; None for nothing.
        normed: Operations of products behind which a norm stands.
        turned: Operations of products behind which axes are turned or joined.
        pooled: Operations of products behind which several values become one.
    """

    walk: TraceWalk
    events: list[NeuronEvent] = field(default_factory=list[NeuronEvent])
    first: dict[int, NeuronEvent] = field(default_factory=dict[int, NeuronEvent])
    constant: dict[int, Tensor | None] = field(default_factory=dict[int, Tensor | None])
    normed: set[int] = field(default_factory=set[int])
    turned: set[int] = field(default_factory=set[int])
    pooled: set[int] = field(default_factory=set[int])


def neurons_behind(trace: Trace) -> Behind:
    """Find the neurons behind every product of a trace."""
    walk = TraceWalk(trace)
    behind = Behind(walk)
    for product in trace.products:
        found, passed = walk.first_neurons(product)
        behind.constant[product.operation] = _constant(product, passed, trace)
        if any(each.name in DATA_NORMS or each.index in trace.shifts for each in passed):
            behind.normed.add(product.operation)
        if any(each.name in TURNS for each in passed):
            behind.turned.add(product.operation)
        if any("pool" in each.name or each.name in REDUCES for each in passed):
            behind.pooled.add(product.operation)
        if found is not None:
            behind.first[product.operation] = found
    written = {event.site for event in behind.first.values() if event.facts is None}
    by_hand = [event for event in trace.spiking.values() if event.site in written]
    events = sorted([*trace.neurons, *by_hand], key=lambda event: event.operation)
    behind.events = _told_apart(events, walk, behind.first, trace.products)
    return behind


def _told_apart(
    events: list[NeuronEvent], walk: TraceWalk, first: dict[int, NeuronEvent], products: list[ProductEvent]
) -> list[NeuronEvent]:
    """Neurons at one place that different layers feed are different ones: a helper that all layers call."""
    fed: defaultdict[int, list[Hashable]] = defaultdict(list)
    for product in products:
        if product.operation in first:
            fed[first[product.operation].operation].append(product.layer)
    layer_of = {product.operation: product.layer for product in products}
    for event in events:
        if not fed[event.operation]:
            fed[event.operation] = [layer_of[each] for each in walk.products_before(event)]
    groups: defaultdict[Hashable, list[set[Hashable]]] = defaultdict(list)
    for event in events:
        layers, apart = set(fed[event.operation]), list[set[Hashable]]()
        for group in groups[event.site] if layers else ():
            if group & layers:
                layers |= group
            else:
                apart.append(group)
        if layers:
            groups[event.site] = [*apart, layers]
    return [_of_group(event, groups[event.site], fed[event.operation]) for event in events]


def _of_group(event: NeuronEvent, groups: list[set[Hashable]], layers: list[Hashable]) -> NeuronEvent:
    if len(groups) < 2:
        return event
    own = next((group for group in groups if group & set(layers)), set[Hashable]())
    return replace(event, site=(*event.site, frozenset(own)))


class TraceWalk:
    """Follows results through a trace."""

    def __init__(self, trace: Trace) -> None:
        self.seen: Observation = trace.recorder.seen
        self.spiking = trace.spiking
        self.products = {event.operation for event in trace.products}
        self.neurons = {event.call: event for event in trace.neurons}
        self.within: dict[int, NeuronEvent | None] = {-1: None}
        for call in self.seen.calls:
            self.within[call.index] = self.neurons.get(call.index, self.within[call.parent])

    def first_neurons(self, product: ProductEvent) -> tuple[NeuronEvent | None, list[Operation]]:
        """The first neurons a result reaches, and the operations before them."""
        passed: list[Operation] = []
        entered: NeuronEvent | None = None
        for operation, stepped in self._downstream(product.value):
            neurons = self.within[operation.call]
            if neurons is not None and (_is_bare(neurons) or neurons.value in operation.writes):
                return neurons, passed
            if neurons is None and stepped and operation.index in self.spiking:
                return self.spiking[operation.index], passed
            if operation.name.partition("::")[2] not in MOVES:
                entered = entered or neurons
            passed.append(operation)
        return entered, passed

    def products_behind(self, values: Iterable[int], inside: Collection[int] = ()) -> set[int]:
        """Products that values reach with no other product and no neurons between.

        Args:
            values: Where to begin.
            inside: Calls of neurons that are walked through all the same.
        """
        found, seen = set[int](), set[int]()
        waiting = list(values)
        while waiting:
            for reader in self.seen.readers(waiting.pop()):
                if reader.index in seen:
                    continue
                seen.add(reader.index)
                neurons = self.within[reader.call]
                if reader.index in self.products:
                    found.add(reader.index)
                elif neurons.call in inside if neurons else reader.index not in self.spiking:
                    waiting.extend(reader.writes)
        return found

    def products_before(self, neurons: NeuronEvent) -> list[int]:
        """The nearest products whose results reach neurons with no other neurons between."""
        found, seen = list[int](), set[int]()
        waiting = list(self._given(neurons))
        while waiting:
            operation = self.seen.producer(waiting.pop())
            if operation is None or operation.index in seen:
                continue
            seen.add(operation.index)
            if operation.index in self.products:
                found.append(operation.index)
            elif self.within[operation.call] is None and operation.index not in self.spiking:
                waiting.extend(operation.reads)
        return found

    def _given(self, neurons: NeuronEvent) -> tuple[int, ...]:
        if neurons.call >= 0:
            return self.seen.calls[neurons.call].reads
        return self.seen.operations[neurons.operation].reads

    def _downstream(self, value: int) -> Iterator[tuple[Operation, bool]]:
        """Operations a value reaches, not past another product, the earliest first, each once.

        With each: whether an operator that makes a spike or none of a number lies on the way.
        """
        waiting, stepped, done = list[int](), dict[int, bool](), set[int]()

        def push(written: int, on: bool) -> None:
            for reader in self.seen.readers(written):
                if reader.index not in done and reader.index not in self.products:
                    if reader.index not in stepped:
                        heappush(waiting, reader.index)
                    stepped[reader.index] = stepped.get(reader.index, False) or on

        push(value, False)
        while waiting:
            index = heappop(waiting)
            done.add(index)
            operation = self.seen.operations[index]
            on = stepped[index] or operation.name in STEP_OPERATORS
            yield operation, on
            for written in operation.writes:
                push(written, on)


def _is_bare(neurons: NeuronEvent) -> bool:
    """Whether no product stands between what neurons are given and their potential."""
    return neurons.facts is None or not neurons.facts.products


def _constant(product: ProductEvent, passed: list[Operation], trace: Trace) -> Tensor | None:
    bias = product.product.bias
    constant = None if bias is None else bias.detach().double()
    outputs = None if bias is None else len(bias)
    for operation in passed:
        if operation.name in DATA_NORMS:
            return torch.ones(outputs or 1, dtype=torch.float64)
        if operation.index in trace.shifts:
            factor, shift = trace.shifts[operation.index]
            if constant is None or len(constant) in (1, len(shift)):
                constant = (0.0 if constant is None else constant) * factor.double() + shift.double()
    return constant
