"""What a network from a stranger's file must keep to before anything runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from spareto.core.errors import ConfigError, Problem
from spareto.integer.intervals import Bounds, bounds
from spareto.integer.network import (
    INPUT,
    Attention,
    IntegerLayer,
    IntegerNetwork,
    IntegerNeuron,
    Join,
    Pool,
    Shape,
    Synapses,
)

MOST_NODES: Final = 4096
LARGEST_SIDE: Final = 1 << 16
LARGEST_WIRE: Final = 1 << 26
"""Integers of one timestep between two nodes."""

LARGEST_WEIGHT: Final = 1 << 17
DIGITS: Final = 1 << 47
"""Largest coefficient."""


def check(network: IntegerNetwork) -> list[Bounds]:
    """Check sources, shapes and numbers; the network's bounds.

    Raises:
        ConfigError: Something in it cannot be run safely.
    """
    problems = list(_basics(network))
    shapes: list[Shape] = []
    for number, node in enumerate(network.nodes):
        if problems:
            break
        if not INPUT <= node.source < number:
            problems.append(Problem(_place(node), f"source {node.source}", f"-1 to {number - 1}"))
            break
        before = network.sensor if node.source == INPUT else shapes[node.source]
        problems += _node(network, node, before, shapes)
        if not problems:
            shapes.append(_shape(node, before))
            problems += _size(node, shapes[-1])
    if not problems:
        problems += _vote(network, shapes)
    if problems:
        raise ConfigError(problems)
    return bounds(network)


def _basics(network: IntegerNetwork) -> Iterator[Problem]:
    if not all(1 <= side <= LARGEST_SIDE for side in network.sensor):
        yield Problem("sensor", str(network.sensor), f"sides from 1 to {LARGEST_SIDE:,}")
    if not 1 <= network.classes <= LARGEST_SIDE:
        yield Problem("classes", str(network.classes), f"1 to {LARGEST_SIDE:,}")
    if not 1 <= network.input_most <= 255:
        yield Problem("input_most", str(network.input_most), "1 to 255")
    if not 0 < network.input_step < float("inf"):
        yield Problem("input_step", str(network.input_step), "a number above 0")
    if network.timesteps is not None and not 1 <= network.timesteps <= LARGEST_SIDE:
        yield Problem("timesteps", str(network.timesteps), f"1 to {LARGEST_SIDE:,}")
    if not 1 <= len(network.nodes) <= MOST_NODES:
        yield Problem("nodes", str(len(network.nodes)), f"1 to {MOST_NODES:,}")
    if int(np.prod([int(side) for side in network.sensor], dtype=object)) > LARGEST_WIRE:
        yield Problem("sensor", str(network.sensor), f"at most {LARGEST_WIRE:,} values a frame")


def _node(network: IntegerNetwork, node: object, before: Shape, shapes: list[Shape]) -> Iterator[Problem]:
    if isinstance(node, IntegerLayer):
        yield from _synapses(node.name, node.synapses, before)
        yield from _neuron(node.name, node.neuron)
        yield from _coefficients(node.name, node.multiplier, node.bias, len(node.synapses.weights))
        if node.feedback is not None:
            count = len(node.synapses.weights)
            yield from _synapses(f"{node.name}.feedback", node.feedback.synapses, (count, 1, 1))
            yield from _coefficients(node.name, node.feedback.multiplier, node.feedback.multiplier, count)
            fed = node.feedback.synapses
            if not (fed.flat and node.synapses.flat and len(fed.weights) == count):
                yield Problem(
                    _place(node), "recurrent connections", "as many as neurons, behind a dense layer"
                )
    elif isinstance(node, Pool):
        sides = (*node.kernel, *node.stride, *node.size)
        if not all(1 <= side <= LARGEST_SIDE for side in sides):
            yield Problem(_place(node), f"windows {sides}", f"sides from 1 to {LARGEST_SIDE:,}")
            return
        for n, k, s, p, o in zip(before[1:], node.kernel, node.stride, node.padding, node.size, strict=True):
            if not (0 <= p < k and o <= (n + 2 * p - k + s - 1) // s + 1 and (o - 1) * s < n + p):
                yield Problem(_place(node), f"{o} windows over {n}", "windows that meet the input")
    elif isinstance(node, Join):
        if not INPUT < node.other < len(shapes) or shapes[node.other] != before:
            yield Problem(_place(node), f"shortcut {node.other}", "a node before it, of its shape")
        if not all(1 <= factor <= LARGEST_SIDE for factor in node.factors):
            yield Problem(_place(node), f"factors {node.factors}", "factors of at least 1")
    elif isinstance(node, Attention):
        yield from _attention(network, node, before)


def _synapses(name: str, synapses: Synapses, before: Shape) -> Iterator[Problem]:
    place, weights = f"layer '{name}'", synapses.weights
    outputs, inputs, *kernel = weights.shape
    numbers = (*synapses.stride, *synapses.dilation, *kernel, outputs, inputs)
    if not all(1 <= n <= 1 << 26 for n in numbers) or not all(
        0 <= p <= LARGEST_SIDE for p in synapses.padding
    ):
        yield Problem(place, "a window without size", "sides, strides and dilations of at least 1")
        return
    if not all(n <= LARGEST_SIDE for n in (*synapses.stride, *synapses.dilation, *kernel)):
        yield Problem(place, "a window too large", f"sides up to {LARGEST_SIDE:,}")
        return
    if synapses.flat:
        plain = (synapses.stride, synapses.padding, synapses.dilation) == ((1, 1), (0, 0), (1, 1))
        if inputs != before[0] * before[1] * before[2] or kernel != [1, 1] or not plain:
            yield Problem(place, f"{inputs} inputs", f"those of shape {before}")
    elif synapses.groups < 1 or outputs % synapses.groups or inputs * synapses.groups != before[0]:
        yield Problem(place, f"{inputs} inputs in {synapses.groups} groups", f"{before[0]} channels")
    if min(synapses.output_shape(before)[1:]) < 1:
        yield Problem(place, f"an input of shape {before}", "maps that its windows fit in")
    if int(np.abs(weights.astype(np.int64)).max(initial=0)) >= LARGEST_WEIGHT:
        yield Problem(place, "a weight too large", f"weights below {LARGEST_WEIGHT:,}")
    if max(kernel[0] * kernel[1] * before[0], outputs) > 1 << 26:
        yield Problem(place, "a window too large", "windows of up to 2^26 inputs")


def _coefficients(name: str, multiplier: object, bias: object, outputs: int) -> Iterator[Problem]:
    for what, values in (("multiplier", np.asarray(multiplier)), ("bias", np.asarray(bias))):
        if values.shape != (outputs,) or (np.abs(values.astype(object)) > DIGITS).any():
            yield Problem(f"layer '{name}'.{what}", f"shape {values.shape}", f"{outputs} numbers below 2^47")


def _neuron(name: str, neuron: IntegerNeuron) -> Iterator[Problem]:
    place = f"layer '{name}'.neuron"
    if not 2 <= neuron.bits <= 32 or not 0 <= neuron.shift <= 40 or not -64 <= neuron.fraction <= 64:
        yield Problem(place, f"{neuron.bits} bits, shift {neuron.shift}", "2 to 32 bits, shift 0 to 40")
        return
    if not 1 <= neuron.most < 1 << (neuron.bits - 1) or abs(neuron.start) > neuron.most:
        yield Problem(place, f"states up to {neuron.most}", f"what {neuron.bits} bits hold")
    current, adaptation = neuron.current, neuron.adaptation
    numbers = [neuron.decay, neuron.leak, neuron.threshold, neuron.drop, neuron.delayed_drop]
    numbers += [] if current is None else [current.decay, current.gain]
    numbers += [] if adaptation is None else [adaptation.decay, adaptation.scale, adaptation.one]
    if any(abs(number) > DIGITS for number in numbers):
        yield Problem(place, "a coefficient too large", "coefficients below 2^47")
    if current is not None and not 0 <= current.gain_shift <= 40:
        yield Problem(place, f"gain_shift {current.gain_shift}", "0 to 40")
    if neuron.counts is not None:
        if not 1 <= neuron.counts < 1 << 20 or neuron.threshold < 1 or neuron.delayed is not None:
            yield Problem(place, f"counts up to {neuron.counts}", "1 to 2^20, of a threshold above 0")
        if adaptation is not None and min(adaptation.scale, adaptation.one, adaptation.decay) < 0:
            yield Problem(place, "a threshold that may fall to 0", "one above 0")


def _attention(network: IntegerNetwork, node: Attention, before: Shape) -> Iterator[Problem]:
    place = _place(node)
    times, inner, _, kernel = node.temporal.weights.shape
    channels, inner_channels, _, other = node.channel.weights.shape
    square = times == inner and channels == inner_channels == before[0] and kernel == other
    if not square or network.timesteps != times or sum(node.padding) != kernel - 1 or min(node.padding) < 0:
        yield Problem(place, f"weights for {times} timesteps and {channels} channels", "those of its input")
    table = node.table
    if table.ndim != 1 or len(table) < 2 or len(table) % 2 or table.min() < 0 or table.max() > 1 << 15:
        yield Problem(place, "a table of other numbers", "an even number of gates from 0 to 2^15")
    if not 0 <= node.shift <= 60 or not 0 <= node.multiplier <= DIGITS:
        yield Problem(place, f"multiplier {node.multiplier}", "0 to 2^47, shift 0 to 60")
    for synapses in (node.temporal, node.channel):
        if synapses.weights.shape[2] != 1 or np.abs(synapses.weights).max(initial=0) >= LARGEST_WEIGHT:
            yield Problem(place, "weights too large", f"weights below {LARGEST_WEIGHT:,}, in a row")


def _shape(node: object, before: Shape) -> Shape:
    if isinstance(node, IntegerLayer):
        return node.synapses.output_shape(before)
    return (before[0], *node.size) if isinstance(node, Pool) else before


def _size(node: object, shape: Shape) -> Iterator[Problem]:
    if shape[0] * shape[1] * shape[2] > LARGEST_WIRE:
        yield Problem(_place(node), f"an output of shape {shape}", f"at most {LARGEST_WIRE:,} values")


def _vote(network: IntegerNetwork, shapes: list[Shape]) -> Iterator[Problem]:
    channels, height, width = shapes[-1]
    if (height, width) != (1, 1) or channels % network.classes:
        yield Problem("the last node", f"shape {shapes[-1]}", f"a multiple of {network.classes} neurons")


def _place(node: object) -> str:
    return f"layer '{str(getattr(node, 'name', ''))[:80]}'"
