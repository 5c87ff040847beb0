"""The event-driven sums of a layer and their gradients: for convolutions and dense layers."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.kernels import c_layers, workspace
from spareto.kernels.c_layers import ConvShape, Gradient, NotFinite, padded, words
from spareto.native.machine import cpu_flags

FEW: Final = 64
"""Outputs of a dense layer up to which our gradient of its input beats a general matrix product."""

_log = logging.getLogger("spareto")


class Sums(ABC):
    """How the weights that spikes meet are summed."""

    @abstractmethod
    def forward(self, bits: Tensor, weight: Tensor) -> tuple[Tensor, Tensor | None]:
        """Sums `y (N, H, W, channels padded)`, and the channel sums of `y` if they came on the way."""

    @abstractmethod
    def weight_gradient(self, bits: Tensor, gradient: Gradient, weight: Tensor) -> Tensor:
        """Gradient of the weight, in its shape."""

    @abstractmethod
    def guard(self, bits: Tensor, weight: Tensor) -> None:
        """Refuse what does not have the shapes by which the kernels walk through memory.

        Raises:
            ConfigError: Bits or weight have another shape.
        """

    @abstractmethod
    def input_gradient(self, gradient: Gradient, weight: Tensor) -> Tensor:
        """Gradient of the spikes, in the shape of their carrier; may overwrite `gradient`."""


@dataclass(frozen=True)
class ConvSums(Sums):
    """A convolution.

    Args:
        shape: Its geometry.
        events: Number of incoming spikes.
        bfloat16: Compute the gradient of spikes in bfloat16.
    """

    shape: ConvShape
    events: int
    bfloat16: bool = False

    @override
    def forward(self, bits: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        self.guard(bits, weight)
        try:
            return c_layers.conv_forward(bits, weight, self.shape, self.events)
        except NotFinite:
            y = F.pad(self._torch(bits, weight), (0, self.shape.OC - weight.shape[0])).contiguous()
            return y, c_layers.channel_sums(y)

    @override
    def weight_gradient(self, bits: Tensor, gradient: Gradient, weight: Tensor) -> Tensor:
        self.guard(bits, weight)
        try:
            return c_layers.conv_weight_gradient(bits, gradient, weight, self.shape, self.events)
        except NotFinite:
            gradient.finite = False
            dy = gradient.written()[..., : weight.shape[0]].permute(0, 3, 1, 2)
            wants = [False, True, False]
            return torch.ops.aten.convolution_backward(
                dy, self._inputs(bits), weight, None, *self._options(), wants
            )[1]

    def input_gradient(self, gradient: Gradient, weight: Tensor) -> Tensor:
        """See `Sums.input_gradient`; by Winograd's algorithm where it applies, else by oneDNN."""
        s, half = self.shape, self.bfloat16 and native_bfloat16()
        if not half and self.usual and gradient.finite:
            try:
                return c_layers.conv_input_gradient(gradient, weight, s)[..., : s.C]
            except NotFinite:  # a tile of Winograd's would spread it
                pass
        return dense_input_gradient(gradient.written(), weight, s, half)

    @property
    def usual(self) -> bool:
        """Whether Winograd's algorithm computes its input gradient."""
        s = self.shape
        return (s.KH, s.KW, s.SH, s.SW) == (3, 3, 1, 1) and s.plain and max(s.PH, s.PW) <= 2

    def _torch(self, bits: Tensor, weight: Tensor) -> Tensor:
        """Sums `(N, OH, OW, out)` by torch, which also multiplies what does not spike."""
        y = torch.ops.aten.convolution(self._inputs(bits), weight, None, *self._options())
        return y.permute(0, 2, 3, 1)

    def _inputs(self, bits: Tensor) -> Tensor:
        """Spikes `(N, C, H, W)` as numbers, as far as the output reaches."""
        s = self.shape
        x = c_layers.unpack(bits, s.C).view(s.N, s.H, s.W, s.C).permute(0, 3, 1, 2)
        high, wide = s.reach
        return F.pad(x, (0, wide - s.W, 0, high - s.H))

    def _options(self) -> tuple[Any, ...]:
        """Stride, padding, dilation, transposed, output padding and groups, as torch takes them."""
        s = self.shape
        return [s.SH, s.SW], [s.PH, s.PW], [s.DH, s.DW], False, [0, 0], s.groups

    @override
    def guard(self, bits: Tensor, weight: Tensor) -> None:
        s = self.shape
        guard(bits, (s.N, s.H * s.W, words(s.C)), weight, (s.OC, s.C // s.groups, s.KH, s.KW))

    def of_images(self, images: int) -> ConvSums:
        """The same for a part of the images."""
        events = self.events * images // max(self.shape.N, 1)
        return replace(self, shape=replace(self.shape, N=images), events=events)


def guard(bits: Tensor, spikes: tuple[int, ...], weight: Tensor, weights: tuple[int, ...]) -> None:
    """Check bits and weights against the shapes by which the kernels walk through their memory.

    Args:
        bits: Spikes of all images.
        spikes: Shape `(images, pixels, words)` they must have.
        weight: The layer's weight.
        weights: Shape `(outputs padded, *inputs)` it must have.

    Raises:
        ConfigError: One of them has another shape.
    """
    found = tuple(bits.shape), (padded(weight.shape[0]), *weight.shape[1:])
    if found != (spikes, weights):
        got, rule = (f"spikes {one} and weights {other}" for one, other in (found, (spikes, weights)))
        cure = "Feed the layer what it was built for."
        raise ConfigError(Problem("kernels of spiking layers", got, rule, cure))


def dense_input_gradient(dy: Tensor, weight: Tensor, s: ConvShape, bfloat16: bool) -> Tensor:
    """Gradient of a convolution's input, `(N, H, W, C)`, by oneDNN."""
    kind = torch.bfloat16 if bfloat16 else torch.float32
    grad = dy[..., : weight.shape[0]].permute(0, 3, 1, 2).to(kind)
    kernel = weight.to(kind).contiguous(memory_format=torch.channels_last)
    like = torch.empty((s.N, *s.reach, s.C), dtype=kind).permute(0, 3, 1, 2)
    dx = torch.ops.aten.convolution_backward(
        *(grad, like, kernel, None, [s.SH, s.SW], [s.PH, s.PW], [s.DH, s.DW], False, [0, 0], s.groups),
        [True, False, False],
    )[0]
    return dx[..., : s.H, : s.W].permute(0, 2, 3, 1).float()


@cache
def native_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; said once if it is wanted and missing."""
    if cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"}:
        return True
    _log.warning("spareto: this processor has no bfloat16 arithmetic; float32 is used instead.")
    return False


@dataclass(frozen=True)
class DenseSums(Sums):
    """A dense layer on flattened spikes.

    Args:
        channels: Channels of the spikes.
        spatial: Their height and width; empty for features.
    """

    channels: int
    spatial: tuple[int, ...]

    @override
    def forward(self, bits: Tensor, weight: Tensor) -> tuple[Tensor, None]:
        self.guard(bits, weight)
        try:
            y = c_layers.dense_forward(bits, weight.contiguous(), self.channels)
        except NotFinite:
            y = F.pad(self._rows(bits) @ weight.t(), (0, padded(weight.shape[0]) - weight.shape[0]))
        return y[:, None, None], None

    @override
    def weight_gradient(self, bits: Tensor, gradient: Gradient, weight: Tensor) -> Tensor:
        self.guard(bits, weight)
        dy = gradient.written().flatten(0, 2)
        try:
            return c_layers.dense_weight_gradient(bits, dy, weight, self.channels)
        except NotFinite:
            return dy[:, : weight.shape[0]].t() @ self._rows(bits)

    def input_gradient(self, gradient: Gradient, weight: Tensor) -> Tensor:
        """See `Sums.input_gradient`; `gradient` was written out by `weight_gradient`, or is now."""
        dy = gradient.written().flatten(0, 2)
        columns = self._columns(weight)
        if weight.shape[0] <= FEW:
            dx = c_layers.dense_input_gradient(dy, columns)
        else:
            out = workspace.empty(dy.shape[0], weight.shape[1])
            dx = torch.mm(dy[:, : weight.shape[0]], columns, out=out)
        return dx.view(dx.shape[0], *self.spatial, self.channels)

    @override
    def guard(self, bits: Tensor, weight: Tensor) -> None:
        pixels, outputs = math.prod(self.spatial), padded(weight.shape[0])
        spikes = (bits.shape[0], pixels, words(self.channels))
        guard(bits, spikes, weight, (outputs, pixels * self.channels))

    def _rows(self, bits: Tensor) -> Tensor:
        """Spikes `(N, inputs)` as numbers, in the order of torch's weights."""
        return c_layers.unpack(bits, self.channels).transpose(1, 2).flatten(1)

    def _columns(self, weight: Tensor) -> Tensor:
        """Weight `(out, pixels x channels)`, as spikes lie."""
        out, inputs = weight.shape
        return weight.view(out, self.channels, -1).transpose(1, 2).reshape(out, inputs).contiguous()
