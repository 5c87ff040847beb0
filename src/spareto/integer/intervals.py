"""Which integers can occur, whatever the input: widths are proven, not tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from spareto.core.errors import ConfigError, Problem
from spareto.integer.network import (
    INPUT,
    Attention,
    IntegerLayer,
    IntegerNetwork,
    IntegerNeuron,
    Ints,
    Join,
    Pool,
    Synapses,
)


@dataclass(frozen=True, eq=False)
class Bounds:
    """What a node's integers cannot leave.

    Args:
        output: Largest output; the smallest is 0.
        low: Smallest sum of each output channel; empty for nodes without synapses.
        high: Largest sum of each output channel.
        back: Largest magnitude of a recurrent sum; 0 without.
        wide: Largest magnitude of any number inside the neurons, or inside the attention.
        potential: Largest magnitude of a stored potential without saturation; None if it may grow without
            end.
    """

    output: int
    low: Ints
    high: Ints
    back: int = 0
    wide: int = 0
    potential: int | None = 0

    @property
    def sums(self) -> int:
        """Largest magnitude of a sum."""
        return max((0, *(-self.low).tolist(), *self.high.tolist()))


SUMS: Final = 2**31 - 1
"""Largest sum of weights, and largest output, that every engine holds."""

WIDEST: Final = 2**62
"""Largest number inside neurons that every engine holds."""


def bounds(network: IntegerNetwork) -> list[Bounds]:
    """Bounds of every node, in order: the proof that nothing overflows, whatever the input.

    Raises:
        ConfigError: Sums may leave 32 bits, or numbers inside neurons 62.
    """
    found: list[Bounds] = []
    shapes = network.shapes()

    def most(source: int) -> int:
        return network.input_most if source == INPUT else found[source].output

    for node in network.nodes:
        before, none = most(node.source), np.zeros(0, np.int64)
        if isinstance(node, IntegerLayer):
            found.append(_layer(node, before))
        elif isinstance(node, Pool):
            size = int(np.prod(node.kernel)) if node.kind == "sum" else 1
            found.append(Bounds(before * size, none, none))
        elif isinstance(node, Join):
            a, b = node.factors
            highest = a * before + b * most(node.other) if node.kind == "add" else 1
            found.append(Bounds(highest, none, none))
        else:
            pixels = shapes[node.source] if node.source != INPUT else network.sensor
            found.append(_attention(node, before, pixels[1] * pixels[2]))
        _refuse_overflow(node.name, found[-1])
    return found


def _refuse_overflow(name: str, bound: Bounds) -> None:
    if max(bound.sums, bound.back, bound.output) > SUMS:
        got, rule = f"sums of up to {max(bound.sums, bound.back, bound.output):,}", f"at most {SUMS:,}"
    elif bound.wide >= WIDEST:
        got, rule = f"numbers of up to {bound.wide:,} in its neurons", f"below {WIDEST:,}"
    else:
        return
    raise ConfigError(Problem(f"layer '{name[:80]}'", got, rule, "Use fewer bits, or smaller layers."))


def sum_range(synapses: Synapses, most: int) -> tuple[Ints, Ints]:
    """Smallest and largest sum of each output for inputs from 0 to `most`."""
    rows = synapses.weights.reshape(len(synapses.weights), -1).astype(np.int64)
    return np.minimum(rows, 0).sum(1) * most, np.maximum(rows, 0).sum(1) * most


def _layer(layer: IntegerLayer, most: int) -> Bounds:
    low, high = sum_range(layer.synapses, most)
    neuron = layer.neuron
    fires = 1 if neuron.counts is None else neuron.counts
    factor, bias = [int(m) for m in layer.multiplier], [int(b) for b in layer.bias]
    ends = [
        max(abs(int(end) * m + b), abs(b))
        for end_of in (low, high)
        for end, m, b in zip(end_of, factor, bias, strict=True)
    ]
    current, back = max(ends), 0
    if layer.feedback is not None:
        fed = [np.abs(end) for end in sum_range(layer.feedback.synapses, fires)]
        back = max(int(end.max()) for end in fed)
        current += max(
            int(end[n]) * abs(int(m)) for end in fed for n, m in enumerate(layer.feedback.multiplier)
        )
    # products on the way are as large as what they add up to, or larger
    products = max(max(abs(int(e)) for e in (*low, *high)) * max(map(abs, factor)), current)
    wide, potential = _inside(neuron, current, fires)
    return Bounds(fires, low, high, back, max(wide, products), potential)


def _inside(neuron: IntegerNeuron, current: int, fires: int) -> tuple[int, int | None]:
    """Largest wide number of a neuron, and largest potential that it would store without saturation."""
    unit, most = 1 << neuron.shift, neuron.most
    widest = 0
    if neuron.current is not None:
        kept = neuron.current.decay * most + current
        widest = max(kept, abs(neuron.current.gain) * kept)
        current = (abs(neuron.current.gain) * kept >> neuron.current.gain_shift) + 1
    drive = current + abs(neuron.leak)
    level = abs(neuron.threshold)
    if neuron.adaptation is not None:
        lifted = neuron.adaptation.decay * most + abs(neuron.adaptation.one) * fires
        level += abs(neuron.adaptation.scale) * most
        widest = max(widest, lifted)
    fall = abs(neuron.drop) + (level if neuron.drop_threshold or neuron.counts is not None else 0)
    fall = fall * fires + abs(neuron.delayed_drop)
    u = abs(neuron.decay) * most + drive
    widest = max(widest, 2 * (u + fall) + level + unit)
    if abs(neuron.decay) >= unit:
        return widest, None
    steady = (drive + fall) * unit // (unit - abs(neuron.decay)) + unit
    return widest, max(abs(neuron.start), -(-steady // unit) + 1)


def _attention(node: Attention, most: int, pixels: int) -> Bounds:
    z = most * pixels
    mixed = [max(int(np.abs(end).max()) for end in sum_range(s, z)) for s in (node.temporal, node.channel)]
    product = mixed[0] * mixed[1]
    wide = product * max(1, abs(node.multiplier)) + (1 << node.shift)
    none = np.zeros(0, np.int64)
    return Bounds(most * int(node.table.max()), none, none, 0, wide, 0)
