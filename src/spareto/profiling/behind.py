"""Which neurons stand behind a product: the first that its result reaches with no other product between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

import torch
from torch import Tensor

from spareto.observing.observation import Observation, Operation
from spareto.profiling.tracer import STEP_OPERATORS, NeuronEvent, ProductEvent, Trace

DATA_NORMS = frozenset(
    f"aten::{name}"
    for name in ("group_norm", "layer_norm", "native_layer_norm", "native_group_norm", "instance_norm")
)


@dataclass
class Behind:
    """Neurons, and what stands before them.

    Args:
        events: Calls of neurons, and operators that give the spikes of some product; in order.
        first: By operation of a product: the neurons behind it, if there are any.
        constant: By operation of a product: what reaches each of its output channels in every timestep
            without any input, from its bias and batch norms; None for nothing.
        normed: Operations of products behind which a norm stands.
    """

    events: list[NeuronEvent] = field(default_factory=list[NeuronEvent])
    first: dict[int, NeuronEvent] = field(default_factory=dict[int, NeuronEvent])
    constant: dict[int, Tensor | None] = field(default_factory=dict[int, Tensor | None])
    normed: set[int] = field(default_factory=set[int])


def neurons_behind(trace: Trace) -> Behind:
    """Find the neurons behind every product of a trace."""
    walk, behind = _Walk(trace), Behind()
    written: dict[tuple[object, ...], None] = {}
    for product in trace.products:
        found, passed = walk.first_neurons(product)
        behind.constant[product.operation] = _constant(product, passed, trace)
        if any(each.name in DATA_NORMS or each.index in trace.shifts for each in passed):
            behind.normed.add(product.operation)
        if found is not None:
            behind.first[product.operation] = found
            if found.facts is None:
                written[found.site] = None
    by_hand = [event for event in trace.spiking.values() if event.site in written]
    behind.events = sorted([*trace.neurons, *by_hand], key=lambda event: event.operation)
    return behind


class _Walk:
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
        for operation, stepped in self._downstream(product.value):
            neurons = self.within[operation.call]
            if neurons is not None:
                return neurons, passed
            if stepped and operation.index in self.spiking:
                return self.spiking[operation.index], passed
            passed.append(operation)
        return None, passed

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
