"""Spiking layers as single autograd nodes: sums of weights, batch norm, neurons, pooling; spikes out as bits.

`spiking` sums the weights that spikes meet; `fire` starts from sums made elsewhere.
The backward of batch norm is never written out where a kernel can take it as an affine map of what is there.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels import c_layers
from spareto.kernels.chunked import Chunked, in_chunks
from spareto.kernels.normalizing import FiringConstants, LayerConstants, Norm, Saved, affine, back
from spareto.kernels.spikes import passed_on
from spareto.kernels.streaming import stream, streams

SMALL: Final = 48 << 20
"""Bytes of sums that are kept even where recomputation is asked for: gone before memory peaks."""


class Fired(NamedTuple):
    """What a layer gives: carrier and bits of its spikes, and the batch's mean and variance a channel.

    Where pooling averages, the carrier is the averages, and the bits are those before it.
    """

    carrier: Tensor
    bits: Tensor
    mean: Tensor
    var: Tensor


def spiking(
    layer: LayerConstants,
    carrier: Tensor,
    bits: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    norm: Norm,
    k: Tensor,
) -> Fired:
    """Spikes of a layer whose input is spikes.

    Args:
        layer: Constants.
        carrier: Of the incoming spikes.
        bits: Of the incoming spikes.
        weight: The layer's weight.
        bias: The layer's bias.
        norm: Its batch norm.
        k: The neurons' coefficients.
    """
    if streams(layer, carrier, weight, bias, k, *norm[:4]):
        own, variance = affine(bits, None, norm, bias, layer.firing)
        out = stream(layer, bits, weight, own, k)
        if out is not None:
            return Fired(passed_on(out, layer.firing.shape), out, own.mean, variance)
    node = Chunked if in_chunks(layer, carrier) else _Spiking
    return Fired(*node.apply(layer, carrier, bits, weight, bias, k, *norm[:4]))


def fire(y: Tensor, firing: FiringConstants, norm: Norm, k: Tensor, bias: Tensor | None = None) -> Fired:
    """Spikes of neurons whose currents `y (N, H, W, channels)`, padded or not, were summed elsewhere.

    Args:
        y: The sums.
        firing: Constants.
        norm: Their batch norm.
        k: The neurons' coefficients.
        bias: What is still to be added to the sums.
    """
    return Fired(*_Fire.apply(firing, y, bias, k, *norm[:4]))


def widened(y: Tensor, channels: int) -> Tensor:
    """`y` in one piece, with zeros for the padded channels."""
    missing = channels - y.shape[-1]
    return F.pad(y, (0, missing)) if missing else y.contiguous()


class _Spiking(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        layer: LayerConstants,
        carrier: Tensor,
        bits: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        k: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        mean: Tensor | None,
        var: Tensor | None,
    ) -> tuple[Tensor, ...]:
        firing = layer.firing
        y, stat = layer.sums.forward(bits, weight)
        own, variance = affine(y, stat, Norm(gamma, beta, mean, var, firing.eps), bias, firing)
        out = c_layers.block_forward(y, own.a, own.b, k, firing.shape, firing.flags)
        ctx.layer = layer
        kept = None if layer.recompute and y.nbytes > SMALL else y
        ctx.save_for_backward(kept, bits, weight, *own, gamma, bias, k)
        ctx.mark_non_differentiable(out, own.mean, variance)
        return passed_on(out, firing.shape), out, own.mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        y, bits, weight, *saved = ctx.saved_tensors
        layer: LayerConstants = ctx.layer
        recomputed = y is None
        if y is None:
            y = layer.sums.forward(bits, weight)[0]
        found = back(y, grads[0], Saved(*saved), layer.firing)
        if recomputed:
            found.sums.written()
            del y  # its memory serves the gradient of the input
        wants = ctx.needs_input_grad
        dw = layer.sums.weight_gradient(bits, found.sums, weight) if wants[3] else None
        dx = layer.sums.input_gradient(found.sums, weight) if wants[1] else None
        return None, dx, None, dw, *found.wanted(wants[4:8]), None, None


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        firing: FiringConstants,
        y: Tensor,
        bias: Tensor | None,
        k: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        mean: Tensor | None,
        var: Tensor | None,
    ) -> tuple[Tensor, ...]:
        wide = widened(y, firing.shape.C)
        own, variance = affine(wide, None, Norm(gamma, beta, mean, var, firing.eps), bias, firing)
        out = c_layers.block_forward(wide, own.a, own.b, k, firing.shape, firing.flags)
        ctx.firing, ctx.channels = firing, y.shape[-1]
        ctx.save_for_backward(wide, *own, gamma, bias, k)
        ctx.mark_non_differentiable(out, own.mean, variance)
        return passed_on(out, firing.shape), out, own.mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        y, *saved = ctx.saved_tensors
        firing: FiringConstants = ctx.firing
        found = back(y, grads[0], Saved(*saved), firing)
        small = found.wanted(ctx.needs_input_grad[2:6])
        dy = found.sums.written()[..., : ctx.channels] if ctx.needs_input_grad[1] else None
        return None, dy, *small, None, None
