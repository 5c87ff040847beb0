"""The slow twin of the profiler: counts of a layer from what entered it, one connection at a time.

It knows nothing of hooks, dispatch modes or our records: test networks write down by plain lists what enters
each weight and what each neuron emits, and numpy counts weights times recorded inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np


@dataclass
class Weights:
    """A weight and how it slides; a dense layer has no stride.

    Args:
        values: `(outputs, inputs)` of a dense layer; `(outputs, inputs a group, taps...)` of a convolution;
            `(inputs, outputs a group, taps...)` of a transposed one.
        bias: Whether a constant reaches an output channel in every timestep; all alike if one Boolean.
        stride, padding, dilation, groups, transposed, output_padding: As torch names them; padding as
            pairs (before, after).
    """

    values: np.ndarray
    bias: object = False
    stride: tuple[int, ...] | None = None
    padding: tuple[tuple[int, int], ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False
    output_padding: tuple[int, ...] = ()

    @property
    def axes(self):
        return 0 if self.stride is None else len(self.stride)


@dataclass
class Connections:
    """Every pair of an input element and an output element with a weight between them.

    Args:
        inputs, outputs, weights: Flat indices, one a connection.
        outputs_shape: Channels and places of the output.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    weights: np.ndarray
    outputs_shape: tuple[int, ...]


def connections(weights: Weights, features: tuple[int, ...]) -> Connections:
    """All connections of a layer, by plain loops.

    Args:
        weights: The layer.
        features: What enters for one sample in one timestep: `(inputs,)` or `(channels, places...)`.
    """
    if weights.axes == 0:
        outputs, inputs = weights.values.shape
        pairs = [(f, m, m * inputs + f) for m in range(outputs) for f in range(inputs)]
        return _connections(pairs, (outputs,))
    return _transposed(weights, features) if weights.transposed else _sliding(weights, features)


def _sliding(weights, features):
    out_channels, in_group, *taps = weights.values.shape
    size = [
        (n + sum(pad) - step * (k - 1) - 1) // s + 1
        for n, k, s, pad, step in zip(
            features[1:], taps, weights.stride, weights.padding, weights.dilation, strict=True
        )
    ]
    pairs = []
    for m in range(out_channels):
        group = m // (out_channels // weights.groups)
        for place in product(*map(range, size)):
            for tap in product(*map(range, taps)):
                at = [
                    p * s - pad[0] + r * step
                    for p, s, pad, r, step in zip(
                        place, weights.stride, weights.padding, tap, weights.dilation, strict=True
                    )
                ]
                if any(not 0 <= a < n for a, n in zip(at, features[1:], strict=True)):
                    continue
                pairs += [
                    (
                        _flat((group * in_group + c, *at), features),
                        _flat((m, *place), (out_channels, *size)),
                        _flat((m, c, *tap), weights.values.shape),
                    )
                    for c in range(in_group)
                ]
    return _connections(pairs, (out_channels, *size))


def _transposed(weights, features):
    in_channels, out_group, *taps = weights.values.shape
    size = [
        (n - 1) * s - sum(pad) + step * (k - 1) + extra + 1
        for n, k, s, pad, step, extra in zip(
            features[1:],
            taps,
            weights.stride,
            weights.padding,
            weights.dilation,
            weights.output_padding,
            strict=True,
        )
    ]
    out_channels = out_group * weights.groups
    pairs = []
    for c in range(in_channels):
        group = c // (in_channels // weights.groups)
        for place in product(*map(range, features[1:])):
            for tap in product(*map(range, taps)):
                at = [
                    p * s - pad[0] + r * step
                    for p, s, pad, r, step in zip(
                        place, weights.stride, weights.padding, tap, weights.dilation, strict=True
                    )
                ]
                if any(not 0 <= a < n for a, n in zip(at, size, strict=True)):
                    continue
                pairs += [
                    (
                        _flat((c, *place), features),
                        _flat((group * out_group + m, *at), (out_channels, *size)),
                        _flat((c, m, *tap), weights.values.shape),
                    )
                    for m in range(out_group)
                ]
    return _connections(pairs, (out_channels, *size))


def _flat(index, shape):
    return int(np.ravel_multi_index(index, shape))


def _connections(pairs, shape):
    table = np.array(sorted(pairs, key=lambda pair: pair[1]), dtype=np.int64).reshape(-1, 3)
    return Connections(table[:, 0], table[:, 1], table[:, 2], shape)


@dataclass
class Counted:
    """Counts of one layer, one number a sample where not said otherwise.

    Args:
        effectual, reached, touched: As `records.Layer` defines them.
        nonzero, awake: Of what enters.
        per_timestep: Mean over the samples, `(T,)`.
        outputs_shape: Channels and places of what the layer itself puts out.
    """

    effectual: np.ndarray
    reached: np.ndarray
    touched: np.ndarray
    outputs_shape: tuple[int, ...] = field(default=())


def count(weights: Weights, inputs: np.ndarray, places: int = 0) -> Counted:
    """Counts of a layer.

    Args:
        weights: The layer.
        inputs: `(T, N, [places...,] features...)`, as it was recorded.
        places: Axes between the samples and the features; every entry of them meets the whole layer.
    """
    time, samples = inputs.shape[:2]
    features = inputs.shape[2 + places :]
    rows = inputs.reshape(time, samples, -1, int(np.prod(features)))
    net = connections(weights, features)
    live = weights.values.reshape(-1)[net.weights] != 0
    active = rows[..., net.inputs] != 0  # (T, N, places, connections)
    effectual = (active & live).sum((0, 2, 3))
    reached = active.sum((0, 2, 3))
    touched = np.zeros((*rows.shape[:3], int(np.prod(net.outputs_shape))), bool)
    for output in range(touched.shape[-1]):
        own = net.outputs == output
        touched[..., output] = (active[..., own] & live[own]).any(-1)
    driven = np.broadcast_to(np.asarray(weights.bias, bool), (net.outputs_shape[0],))
    touched |= np.repeat(driven, int(np.prod(net.outputs_shape[1:])))
    return Counted(effectual, reached, touched.sum((0, 2, 3)), net.outputs_shape)


def count_pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Pairs of elements of which neither is zero, a sample.

    Args:
        left: `(T, N, ..., rows, inner)`.
        right: `(T, N, ..., inner, columns)`.
    """
    met = (left != 0).astype(np.int64) @ (right != 0).astype(np.int64)
    return met.reshape(*met.shape[:2], -1).sum((0, 2))
