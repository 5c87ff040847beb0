"""Spikes between layers: one bit each, and a tensor without memory that carries their gradient."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from spareto.kernels import c_layers
from spareto.kernels.c_layers import BlockShape
from spareto.kernels.operators.unpack import unpack


@dataclass(eq=False)
class Spikes:
    """Spikes of all timesteps, `(time, batch, channels, *spatial)`, packed channels-last.

    Args:
        bits: Shape `(time x batch, pixels, words)`, int64, 64 channels a word.
        carrier: What autograd sees of them: zeros without memory, shape `(time x batch, *spatial, channels)`.
        time: Timesteps.
        batch: Samples.
        channels: Channels, or features.
        spatial: Height and width; empty for features.
    """

    bits: Tensor
    carrier: Tensor
    time: int
    batch: int
    channels: int
    spatial: tuple[int, ...] = field(default=())

    @property
    def shape(self) -> torch.Size:
        """Shape of the tensor they stand for."""
        return torch.Size((self.time, self.batch, self.channels, *self.spatial))

    @cached_property
    def events(self) -> int:
        """Number of spikes."""
        return c_layers.count(self.bits)

    @property
    def density(self) -> float:
        """Share of spikes, 0..1."""
        return self.events / max(math.prod(self.shape), 1)

    def dense(self) -> Tensor:
        """0 and 1 in float32, shape `(time, batch, channels, *spatial)`, differentiable."""
        if traced(self.carrier):
            x = unpack(self.carrier, self.bits)
        else:
            x = _Unpack.apply(self.carrier, self.bits, self.channels)
        return x.movedim(-1, 1).unflatten(0, (self.time, self.batch))

    def rate(self) -> Tensor:
        """Share of spikes, a scalar, differentiable; nothing is unpacked."""
        if traced(self.carrier):
            return self.dense().mean()
        return _Rate.apply(self.carrier, self.density)

    def __repr__(self) -> str:
        return f"Spikes(shape={tuple(self.shape)}, density={self.density:.3f})"


def dense(sequence: Tensor | Spikes) -> Tensor:
    """A sequence as an ordinary tensor, whatever it travels as."""
    return sequence.dense() if isinstance(sequence, Spikes) else sequence


def pack(sequence: Tensor) -> Spikes | None:
    """A sequence `(time, batch, channels, ...)` as spikes, or None if not all its elements are 0 or 1.

    No gradient flows back through it.
    """
    time, batch, channels, *spatial = sequence.shape
    pixels = math.prod(spatial)
    if sequence.numel() == 0:
        return None
    found = sequence.detach()
    if found.is_contiguous() or not found[0, 0].is_contiguous():
        found = found.reshape(time * batch, -1).contiguous()
    bits, binary = c_layers.pack(found, channels, pixels)
    if not binary:
        return None
    _packed.last = sequence.data_ptr(), sequence.numel()
    return Spikes(bits, no_carrier(time * batch, *spatial, channels), time, batch, channels, tuple(spatial))


class _Packed(threading.local):
    """Where the elements lie that this thread packed last, and how many there are."""

    last: tuple[int, int] | None = None


_packed = _Packed()


def forget_packed() -> None:
    """Begin to watch for `was_binary`: memory may hold something else by now."""
    _packed.last = None


def was_binary(x: Tensor) -> bool:
    """Whether all of `x` was packed since `forget_packed`, and so is 0 or 1; False where nobody knows."""
    return _packed.last == (x.data_ptr(), x.numel())


def traced(x: Tensor) -> bool:
    """Whether the kernels must go by as operators: inside a graph, and with tensors that only pretend."""
    return torch.compiler.is_compiling() or type(x) not in (Tensor, torch.nn.Parameter)


def no_carrier(*shape: int) -> Tensor:
    """Zeros without memory."""
    return torch.zeros(()).expand(shape)


def passed_on(bits: Tensor, shape: BlockShape) -> Tensor:
    """What autograd sees of a block's output: a carrier of its spikes, or the averages of its windows."""
    return c_layers.average(bits, shape) if shape.averages else no_carrier(*shape.pooled, shape.channels)


class _Rate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, carrier: Tensor, density: float) -> Tensor:
        ctx.shape = carrier.shape
        return carrier.new_tensor(density)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (grads[0] / max(math.prod(ctx.shape), 1)).expand(ctx.shape), None


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, carrier: Tensor, bits: Tensor, channels: int) -> Tensor:
        return c_layers.unpack(bits, channels).view(carrier.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return grads[0], None, None
