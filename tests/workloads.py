"""Small measured networks for tests, with real masks and consistent activity; no torch."""

from __future__ import annotations

import numpy as np

from spareto.records import Layer, Mask, Neuron, Tensor, Workload


def layer(
    name: str = "conv",
    *,
    channels: tuple[int, int] = (8, 16),
    size: int = 8,
    kernel: int = 3,
    stride: int = 1,
    timesteps: int = 5,
    bits: int = 8,
    sparsity: float = 0.5,
    rate: float = 0.1,
    analog: bool = False,
    neuron: str | None = "lif",
    groups: int = 1,
    seed: int = 0,
) -> Layer:
    """A convolution (a dense layer if `size` is 1) whose effectual operations follow from random spikes."""
    rng = np.random.default_rng(seed)
    inputs, outputs = channels
    mask = rng.random((outputs, inputs // groups, kernel, kernel)) >= sparsity
    padding = kernel // 2
    out = (size + 2 * padding - kernel) // stride + 1
    spikes = rng.random((timesteps, inputs, size, size)) < rate
    effectual = _effectual(mask, spikes, out, stride, padding, groups)
    most = _effectual(mask, np.ones_like(spikes), out, stride, padding, groups)
    per_step = [float(step.sum()) for step in spikes]
    return Layer(
        name=name,
        kind="conv2d" if size > 1 else "linear",
        in_channels=inputs,
        out_channels=outputs,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        padding=(padding, padding),
        groups=groups,
        timesteps=timesteps,
        weight_bits=bits,
        weight_mask=Mask.of(mask),
        input=Tensor(
            shape=(inputs, size, size),
            kind="analog" if analog else "spike",
            bits=8 if analog else 1,
            nonzero_mean=sum(per_step),
            nonzero_max=min(1.5 * sum(per_step), spikes.size),
            nonzero_per_timestep=tuple(per_step),
        ),
        output=Tensor(
            shape=(outputs, out, out), kind="spike", bits=1, nonzero_mean=outputs, nonzero_max=outputs
        ),
        effectual_synops_mean=effectual,
        effectual_synops_max=min(1.5 * effectual, most),
        neuron=Neuron(kind=neuron, count=outputs * out * out) if neuron else None,
    )


def row(
    name: str = "attention", *, channels: tuple[int, int] = (8, 8), size: int = 16, bits: int = 8
) -> Layer:
    """A 1-D convolution of analog numbers along one row, once an inference, as attention runs it."""
    inputs, outputs = channels
    mask = np.random.default_rng(0).random((outputs, inputs, 1, 3)) < 0.5
    inside = np.array([size - 1, size, size - 1])  # the zero border meets the outer two places
    met = float((mask.sum((0, 1, 2)) * inside).sum())
    return Layer(
        name=name,
        kind="conv1d",
        in_channels=inputs,
        out_channels=outputs,
        kernel=(1, 3),
        padding=(0, 1),
        timesteps=1,
        weight_bits=bits,
        weight_mask=Mask.of(mask),
        input=Tensor(
            shape=(inputs, 1, size),
            kind="analog",
            bits=8,
            nonzero_mean=inputs * size,
            nonzero_max=inputs * size,
        ),
        output=Tensor(
            shape=(outputs, 1, size),
            kind="analog",
            bits=8,
            nonzero_mean=outputs * size,
            nonzero_max=outputs * size,
        ),
        effectual_synops_mean=met,
        effectual_synops_max=met,
    )


def network(*layers: Layer) -> Workload:
    """Layers as a workload; without layers, two convolutions and a dense layer of five timesteps."""
    layers = layers or (
        layer("conv1", channels=(2, 16), size=16, analog=True),
        layer("conv2", channels=(16, 32), size=8, sparsity=0.8),
        layer("fc", channels=(512, 10), size=1, kernel=1, sparsity=0.6),
    )
    timesteps = max(layer.timesteps for layer in layers)
    return Workload(network="test", dataset="random/test", samples=1, timesteps=timesteps, layers=layers)


def _effectual(mask, spikes, out: int, stride: int, padding: int, groups: int) -> float:
    padded = np.pad(spikes, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    kernel, per_group, total = mask.shape[-1], mask.shape[1], 0
    live = mask.reshape(groups, -1, per_group, kernel, kernel).sum(axis=1)
    for r in range(kernel):
        for s in range(kernel):
            seen = padded[:, :, r : r + stride * out : stride, s : s + stride * out : stride]
            reaching = seen.sum(axis=(0, 2, 3)).reshape(groups, per_group)
            total += int((live[:, :, r, s] * reaching).sum())
    return float(total)
