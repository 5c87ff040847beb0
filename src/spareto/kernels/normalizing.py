"""Batch norm between sums and neurons, as an affine map of the sums; its backward, as an affine map again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from spareto.kernels import c_layers
from spareto.kernels.c_layers import BlockShape, Gradient
from spareto.kernels.sums import Sums


class Norm(NamedTuple):
    """Batch norm, or the lack of it.

    Args:
        gamma: Its weight, shape `(C,)`, or None.
        beta: Its bias, or None.
        mean: Running mean to normalize by; None to normalize by the batch, or where there is no batch norm.
        var: Running variance, likewise.
        eps: What is added to a variance; None where there is no batch norm.
    """

    gamma: Tensor | None
    beta: Tensor | None
    mean: Tensor | None
    var: Tensor | None
    eps: float | None


@dataclass(frozen=True)
class FiringConstants:
    """Constants of neurons and pooling.

    Args:
        shape: Geometry.
        flags: What the neuron kernels are specialised on.
        surrogate: Number of the surrogate.
        eps: See `Norm.eps`.
        batch_statistics: Normalize by the batch.
    """

    shape: BlockShape
    flags: int
    surrogate: int
    eps: float | None
    batch_statistics: bool

    def without_norm(self) -> FiringConstants:
        """The same behind currents that are normalized already."""
        return FiringConstants(self.shape, self.flags, self.surrogate, None, False)


@dataclass(frozen=True)
class LayerConstants:
    """Constants of a layer whose input is spikes.

    Args:
        sums: How the weights that spikes meet are summed.
        firing: Neurons and pooling.
        recompute: Where sums are large keep the incoming bits only, and sum again in the backward pass.
    """

    sums: Sums
    firing: FiringConstants
    recompute: bool


class Affine(NamedTuple):
    """Batch norm of one batch as `a y + b`, with what its backward needs; float64 but for `a` and `b`."""

    a: Tensor
    b: Tensor
    mean: Tensor
    invstd: Tensor


def affine(
    y: Tensor, stat: Tensor | None, norm: Norm, bias: Tensor | None, firing: FiringConstants
) -> tuple[Affine, Tensor]:
    """Batch norm as an affine map of sums `y` without bias, and the variance of the batch.

    Args:
        y: The sums.
        stat: Their channel sums, if they are known.
        norm: The batch norm.
        bias: What the layer would have added to the sums.
        firing: Constants.
    """
    channels, padded = firing.shape.channels, firing.shape.C
    count = firing.shape.T * firing.shape.B * firing.shape.H * firing.shape.W
    none = torch.zeros(channels, dtype=torch.float64)
    if norm.eps is None:
        shift = torch.zeros(padded) if bias is None else _widen(bias, padded)
        return Affine(torch.ones(padded), shift, none, none), none.clone()
    offset = none if bias is None else bias.double()
    if firing.batch_statistics:
        stat = c_layers.channel_sums(y) if stat is None else stat
        mean, square = stat[:, :channels] / count
        var = (square - mean * mean).clamp_min_(0.0)
        invstd = (var + norm.eps).rsqrt_()
        offset = none
    else:
        assert norm.mean is not None
        assert norm.var is not None
        mean, var = norm.mean.double(), norm.var.double()
        invstd = (var + norm.eps).rsqrt_()
    scale = invstd if norm.gamma is None else norm.gamma.double() * invstd
    shift = (offset - mean) * scale
    if norm.beta is not None:
        shift = shift + norm.beta.double()
    return Affine(_widen(scale, padded), _widen(shift, padded), mean, invstd), var


class LayerGradients(NamedTuple):
    """Gradients of a layer's small parameters, and of its sums."""

    sums: Gradient
    gamma: Tensor | None
    beta: Tensor | None
    bias: Tensor | None
    k: Tensor

    def wanted(self, wants: Sequence[bool]) -> tuple[Tensor | None, ...]:
        """Gradients of bias, coefficients, gamma and beta, as far as they are wanted."""
        order = (self.bias, self.k, self.gamma, self.beta)
        return tuple(part if want else None for part, want in zip(order, wants, strict=True))

    def factors(self, channels: int) -> tuple[Tensor, ...]:
        """k0, k1 and k2 of the gradient of the sums, one a channel, float64."""
        if self.sums.k0 is None or self.sums.k1 is None or self.sums.k2 is None:
            return (torch.ones(channels, dtype=torch.float64),)
        return tuple(part[:channels].double() for part in (self.sums.k0, self.sums.k1, self.sums.k2))


class Saved(NamedTuple):
    """Tensors a backward pass starts from."""

    a: Tensor
    b: Tensor
    mean: Tensor
    invstd: Tensor
    gamma: Tensor | None
    bias: Tensor | None
    k: Tensor


def back(y: Tensor, g: Tensor, saved: Saved, firing: FiringConstants) -> LayerGradients:
    """From the gradient of pooled spikes to that of the sums `y` and of all small parameters."""
    dz, totals, gk = c_layers.block_backward(
        *(y, saved.a, saved.b, saved.k, g),
        *(firing.shape, firing.flags, firing.surrogate, firing.eps is not None),
    )
    return from_totals(y, dz, totals, gk, saved, firing)


def from_totals(
    y: Tensor, dz: Tensor, totals: Tensor, gk: Tensor, saved: Saved, firing: FiringConstants
) -> LayerGradients:
    """What `back` returns, from the sums of `dz` and of `dz y` over the batch."""
    shape = firing.shape
    count = shape.T * shape.B * shape.H * shape.W
    total, product = totals[:, : shape.channels]
    k = gk.to(saved.k.dtype)
    finite = bool(totals.isfinite().all())
    if firing.eps is None:
        return LayerGradients(Gradient(dz, finite=finite), None, None, total.float(), k)
    scale = saved.invstd if saved.gamma is None else saved.gamma.double() * saved.invstd
    offset = 0.0 if saved.bias is None or firing.batch_statistics else saved.bias.double()
    gamma = (product + (offset - saved.mean) * total) * saved.invstd
    if not firing.batch_statistics:
        none = torch.zeros_like(scale)
        sums = _gradient(finite, dz, y, scale, none, none)
        return LayerGradients(sums, gamma.float(), total.float(), (total * scale).float(), k)
    k1 = -scale * saved.invstd * gamma / count
    k2 = -scale * total / count - k1 * saved.mean
    sums = _gradient(finite, dz, y, scale, k1, k2)
    return LayerGradients(sums, gamma.float(), total.float(), torch.zeros_like(total, dtype=torch.float32), k)


def _gradient(finite: bool, dz: Tensor, y: Tensor, *factors: Tensor) -> Gradient:
    k0, k1, k2 = (_widen(factor, dz.shape[-1]) for factor in factors)
    return Gradient(dz, y, k0, k1, k2, finite)


def _widen(channels: Tensor, padded: int) -> Tensor:
    """Float32, with zeros for the padded channels."""
    wide = torch.zeros(padded)
    wide[: channels.shape[0]] = channels
    return wide
