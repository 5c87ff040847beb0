"""Spiking layers with a membrane shortcut: what is added to the normalized currents before the neurons.

The currents are written out, and `fused.fire` runs neurons on them; layers without a shortcut pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels import c_layers, fused, workspace
from spareto.kernels.c_layers import Gradient
from spareto.kernels.fused import Fired
from spareto.kernels.normalizing import FiringConstants, LayerConstants, Norm, Saved, affine, from_totals
from spareto.kernels.sums import Sums

Again = Callable[[], Tensor]
"""Sums the currents once more, for a backward pass that did not keep them."""


def spiking(
    layer: LayerConstants,
    carrier: Tensor,
    bits: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    norm: Norm,
    k: Tensor,
    shortcut: Tensor,
) -> Fired:
    """As `fused.spiking`, with `shortcut (N, H, W, channels)` added before the neurons."""
    y, stat = _Sums.apply(layer.sums, carrier, bits, weight)
    large = layer.recompute and y.nbytes > fused.SMALL
    again = partial(_again, layer.sums, bits, weight.detach()) if large else None
    return _fire(y, stat, again, bias, layer.firing, norm, k, shortcut)


def fire(y: Tensor, firing: FiringConstants, norm: Norm, k: Tensor, shortcut: Tensor) -> Fired:
    """As `fused.fire`, with `shortcut (N, H, W, channels)` added before the neurons."""
    return _fire(fused.widened(y, firing.shape.C), None, None, None, firing, norm, k, shortcut)


def _again(sums: Sums, bits: Tensor, weight: Tensor) -> Tensor:
    return sums.forward(bits, weight)[0]


def _fire(
    y: Tensor,
    stat: Tensor | None,
    again: Again | None,
    bias: Tensor | None,
    firing: FiringConstants,
    norm: Norm,
    k: Tensor,
    shortcut: Tensor,
) -> Fired:
    z, mean, var = _Added.apply(firing, again, stat, y, bias, *norm[:4], shortcut)
    fired = fused.fire(z, firing.without_norm(), Norm(None, None, None, None, None), k)
    return Fired(fired.carrier, fired.bits, mean, var)


class _Sums(torch.autograd.Function):
    """Event-driven sums without bias, padded channels included; keeps the incoming bits only."""

    @staticmethod
    def forward(
        ctx: Any, sums: Sums, carrier: Tensor, bits: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        y, stat = sums.forward(bits, weight)
        ctx.sums = sums
        ctx.save_for_backward(bits, weight)
        if stat is not None:
            ctx.mark_non_differentiable(stat)
        return y, stat

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        bits, weight = ctx.saved_tensors
        wants, dy = ctx.needs_input_grad, grads[0].contiguous()
        gradient = Gradient(dy, finite=c_layers.finite(dy))
        dw = ctx.sums.weight_gradient(bits, gradient, weight) if wants[3] else None
        dx = ctx.sums.input_gradient(gradient, weight) if wants[1] else None
        return None, dx, None, dw


class _Added(torch.autograd.Function):
    """Batch norm of sums `y`, plus the shortcut."""

    @staticmethod
    def forward(
        ctx: Any,
        firing: FiringConstants,
        again: Again | None,
        stat: Tensor | None,
        y: Tensor,
        bias: Tensor | None,
        gamma: Tensor | None,
        beta: Tensor | None,
        mean: Tensor | None,
        var: Tensor | None,
        shortcut: Tensor,
    ) -> tuple[Tensor, ...]:
        own, variance = affine(y, stat, Norm(gamma, beta, mean, var, firing.eps), bias, firing)
        z = c_layers.affine_sum(y, own.a, own.b, shortcut.contiguous())
        ctx.firing, ctx.again = firing, again
        ctx.save_for_backward(y if again is None else None, *own, gamma, bias, torch.zeros(0))
        ctx.mark_non_differentiable(own.mean, variance)
        return z, own.mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        y, *saved = ctx.saved_tensors
        firing, dz = ctx.firing, grads[0]
        y = ctx.again() if y is None else y
        wide = workspace.empty(*y.shape)  # dz itself goes to the shortcut; this becomes the gradient of y
        wide[..., : dz.shape[-1]] = dz
        wide[..., dz.shape[-1] :] = 0
        own = Saved(*saved)
        found = from_totals(y, wide, c_layers.product_sums(wide, y), own.k, own, firing)
        wants = ctx.needs_input_grad
        bias, _, gamma, beta = found.wanted((wants[4], False, *wants[5:7]))
        dy = found.sums.written() if wants[3] else None
        return None, None, None, dy, bias, gamma, beta, None, None, dz if wants[9] else None
