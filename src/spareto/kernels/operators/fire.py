"""`spareto::fire`: batch norm, neurons and pooling behind sums."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor

from spareto.kernels import c_layers
from spareto.kernels.c_layers import BlockShape, words
from spareto.kernels.fused import Fired
from spareto.kernels.normalizing import FiringConstants, Norm, Saved, affine, back
from spareto.kernels.spikes import passed_on

Seven = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def fire(y: Tensor, bias: Tensor | None, k: Tensor, firing: FiringConstants, norm: Norm) -> Fired:
    """Spikes of neurons behind sums.

    Args:
        y: Sums `(N, H, W, channels padded)` without bias.
        bias: What the layer adds to them.
        k: The neurons' coefficients.
        firing: Constants.
        norm: The batch norm.
    """
    found = _fire(
        *(y, bias, k, norm.gamma, norm.beta, norm.mean, norm.var, list(astuple(firing.shape))),
        *(firing.flags, firing.surrogate, firing.eps, firing.batch_statistics),
    )
    return Fired(*found[:4])


@torch.library.custom_op("spareto::fire", mutates_args=())
def _fire(
    y: Tensor,
    bias: Tensor | None,
    k: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    shape: list[int],
    flags: int,
    surrogate: int,
    eps: float | None,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    firing = FiringConstants(BlockShape(*shape), flags, surrogate, eps, batch)
    own, variance = affine(y, None, Norm(gamma, beta, mean, var, eps), bias, firing)
    bits = c_layers.block_forward(y, own.a, own.b, k, firing.shape, flags)
    return passed_on(bits, firing.shape), bits, own.mean, variance.clone(), own.a, own.b, own.invstd.clone()


@_fire.register_fake
def _(
    y: Tensor,
    bias: Tensor | None,
    k: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    shape: list[int],
    flags: int,
    surrogate: int,
    eps: float | None,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    own = BlockShape(*shape)
    size = *own.pooled, own.channels
    carrier = y.new_empty(size) if own.averages else y.new_zeros(()).expand(size)
    bits = y.new_empty((*own.unaveraged, words(own.channels)), dtype=torch.int64)
    mean, var, invstd = (y.new_empty(own.channels, dtype=torch.float64) for _ in range(3))
    return carrier, bits, mean, var, y.new_empty(own.C), y.new_empty(own.C), invstd


@torch.library.custom_op("spareto::fire_backward", mutates_args=())
def _backward(
    g: Tensor,
    y: Tensor,
    kept: list[Tensor],
    gamma: Tensor | None,
    bias: Tensor | None,
    k: Tensor,
    shape: list[int],
    flags: int,
    surrogate: int,
    eps: float | None,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    firing = FiringConstants(BlockShape(*shape), flags, surrogate, eps, batch)
    a, b, mean, invstd = kept
    found = back(y, g, Saved(a, b, mean, invstd, gamma, bias, k), firing)
    small = (found.bias, found.k, found.gamma, found.beta)
    bias, k, gamma, beta = (y.new_empty(0) if part is None else part.clone() for part in small)
    return found.sums.written(), bias, k, gamma, beta


@_backward.register_fake
def _(
    g: Tensor,
    y: Tensor,
    kept: list[Tensor],
    gamma: Tensor | None,
    bias: Tensor | None,
    k: Tensor,
    shape: list[int],
    flags: int,
    surrogate: int,
    eps: float | None,
    batch: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    channels = BlockShape(*shape).channels
    normed = channels if eps is not None else 0
    parts = (y.new_empty(channels), torch.empty_like(k), y.new_empty(normed), y.new_empty(normed))
    return torch.empty_like(y), *parts


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Seven) -> None:
    y, bias, k, gamma, _, _, _, *ctx.constants = inputs
    _, bits, mean, var, a, b, invstd = output
    ctx.save_for_backward(y, bias, k, gamma, a, b, mean, invstd)
    ctx.mark_non_differentiable(bits, mean, var, a, b, invstd)


def _gradients(ctx: Any, g: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    y, bias, k, gamma, *kept = ctx.saved_tensors
    dy, *small = _backward(g, y, kept, gamma, bias, k, *ctx.constants)
    wants = ctx.needs_input_grad
    d_bias, d_k, d_gamma, d_beta = (
        part if want else None for part, want in zip(small, wants[1:5], strict=True)
    )
    return (dy if wants[0] else None), d_bias, d_k, d_gamma, d_beta, *(None,) * 7


_fire.register_autograd(_gradients, setup_context=_keep)
