"""An integer network in plain numpy: the slow twin of every engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spareto.integer.arithmetic import rounded
from spareto.integer.network import INPUT, Attention, IntegerLayer, IntegerNetwork, Ints, Join, Pool, Synapses
from spareto.integer.neuron import States, fresh, step


@dataclass
class Reference:
    """Runs frames through a network, and keeps the states for the next ones.

    Args:
        network: The network.

    Attributes:
        states: Of each layer, by the node's number: stored states of shape (batch, ...), and `f`, the spikes
            that come back.
    """

    network: IntegerNetwork
    states: dict[int, States] = field(default_factory=dict[int, States])

    def run(self, frames: Ints) -> list[Ints]:
        """Outputs of every node.

        Args:
            frames: Integers, shape (time, batch, channels, height, width); all T of a sequence at once, where
                the network has an attention.

        Returns:
            One array a node, (time, batch, channels, height, width), int64.
        """
        frames = np.asarray(frames, np.int64)
        outputs: list[Ints] = []

        def of(source: int) -> Ints:
            return frames if source == INPUT else outputs[source]

        for number, node in enumerate(self.network.nodes):
            x = of(node.source)
            if isinstance(node, IntegerLayer):
                outputs.append(self._layer(number, node, x))
            elif isinstance(node, Pool):
                outputs.append(pooled(node, x))
            elif isinstance(node, Join):
                outputs.append(joined(node, x, of(node.other)))
            else:
                outputs.append(x * gates(node, x.sum((3, 4)))[..., None, None])
        return outputs

    def counts(self, frames: Ints) -> Ints:
        """Votes of each class, shape (batch, classes): spikes of its voters over all these timesteps."""
        return votes(self.network, self.run(frames)[-1])

    def _layer(self, number: int, layer: IntegerLayer, x: Ints) -> Ints:
        currents = wide_currents(layer, sums(layer.synapses, x))
        states = self.states.get(number)
        if states is None:
            states = fresh(layer.neuron, np.zeros_like(currents[0]))
            states["f"] = np.zeros_like(currents[0])
        spikes = np.zeros_like(currents)
        for t, now in enumerate(currents):
            back, states = states.pop("f"), states
            if layer.feedback is not None:
                fed = sums(layer.feedback.synapses, back[None])[0]
                now = now + fed * layer.feedback.multiplier[:, None, None]
            spikes[t], states = step(layer.neuron, now, states)
            states["f"] = spikes[t]
        self.states[number] = states
        return spikes


def votes(network: IntegerNetwork, spikes: Ints) -> Ints:
    """Votes of each class, shape (batch, classes), from spikes (time, batch, classes x votes, 1, 1)."""
    return spikes.sum(0).reshape(spikes.shape[1], network.classes, -1).sum(2)


def wide_currents(layer: IntegerLayer, sums: Ints) -> Ints:
    """What enters the neurons, from sums (..., channels, height, width)."""
    return sums * layer.multiplier[:, None, None] + layer.bias[:, None, None]


def sums(synapses: Synapses, x: Ints) -> Ints:
    """Sums of weights, exact, for integers (time, batch, channels, height, width)."""
    time, batch = x.shape[:2]
    images = x.reshape(time * batch, *x.shape[2:])
    if synapses.flat:
        images = images.reshape(len(images), -1, 1, 1)
    outputs = _convolved(synapses, images)
    return outputs.reshape(time, batch, *outputs.shape[1:])


def _convolved(synapses: Synapses, images: Ints) -> Ints:
    """Windows times weights in double precision, which is exact for sums below 2^53."""
    weights = synapses.weights
    (top, left), groups = synapses.padding, synapses.groups
    padded = np.pad(images, ((0, 0), (0, 0), (top, top), (left, left)))
    span = [d * (k - 1) + 1 for d, k in zip(synapses.dilation, weights.shape[2:], strict=True)]
    windows: Any = np.lib.stride_tricks.sliding_window_view(padded, span, (2, 3))
    windows = windows[:, :, :: synapses.stride[0], :: synapses.stride[1]]
    windows = windows[..., :: synapses.dilation[0], :: synapses.dilation[1]]
    count, channels, height, width = windows.shape[:4]
    grouped = windows.reshape(count, groups, channels // groups, height, width, *weights.shape[2:])
    columns = grouped.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, count * height * width, -1)
    matrix = weights.reshape(groups, len(weights) // groups, -1).transpose(0, 2, 1)
    found = np.matmul(columns.astype(np.float64), matrix.astype(np.float64))
    found = found.reshape(groups, count, height, width, -1).transpose(1, 0, 4, 2, 3)
    return np.rint(found).astype(np.int64).reshape(count, len(weights), height, width)


def pooled(pool: Pool, x: Ints) -> Ints:
    """Maxima or sums of windows of integers of at least 0, shape (time, batch, channels, height, width)."""
    reach = [(n - 1) * s + k for n, s, k in zip(pool.size, pool.stride, pool.kernel, strict=True)]
    behind = [max(0, r - n - p) for r, n, p in zip(reach, x.shape[3:], pool.padding, strict=True)]
    sides = [(p, b) for p, b in zip(pool.padding, behind, strict=True)]
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), *sides))
    windows: Any = np.lib.stride_tricks.sliding_window_view(padded, pool.kernel, (3, 4))
    windows = windows[..., :: pool.stride[0], :: pool.stride[1], :, :][
        ..., : pool.size[0], : pool.size[1], :, :
    ]
    return windows.max((-2, -1)) if pool.kind == "max" else windows.sum((-2, -1))


def joined(join: Join, a: Ints, x: Ints) -> Ints:
    """Body and shortcut, connected."""
    if join.kind == "add":
        return join.factors[0] * a + join.factors[1] * x
    return a * x if join.kind == "and" else (1 - a) * x


def gates(attention: Attention, z: Ints) -> Ints:
    """The factor of each channel of each timestep, from sums over pixels (time, batch, channels)."""
    sequences = np.moveaxis(z, 1, 0)  # (batch, time, channels)
    temporal = _mixed(attention.temporal.weights, sequences, attention.padding)
    channel = _mixed(attention.channel.weights, sequences.transpose(0, 2, 1), attention.padding)
    products = temporal * channel.transpose(0, 2, 1)
    half = len(attention.table) // 2
    places = rounded(products * attention.multiplier, attention.shift).clip(-half, half - 1) + half
    return np.moveaxis(attention.table[places], 0, 1)


def _mixed(weights: Ints, x: Ints, padding: tuple[int, int]) -> Ints:
    """A one-dimensional convolution over the last axis of (batch, channels, length), of its length."""
    padded = np.pad(x, ((0, 0), (0, 0), padding))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[3], 2)
    return np.einsum("bilk,oik->bol", windows, weights[:, :, 0, :].astype(np.int64))
