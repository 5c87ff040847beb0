"""A spiking layer one sample at a time: memory for the sums of one sample only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels import c_layers
from spareto.kernels.c_layers import BlockShape, Gradient
from spareto.kernels.normalizing import Layer, Norm, Saved, affine, from_totals
from spareto.kernels.spikes import no_carrier
from spareto.kernels.sums import ConvSums


class BySample(torch.autograd.Function):
    """A layer that needs no gradient of its input, one sample at a time: memory for one sample's sums.

    The gradient of the sums is `k0 dz + k1 y + k2` with factors that are known after the last sample only, so
    the weight gradients of `dz`, `y` and 1 are added up apart.
    """

    @staticmethod
    def forward(
        ctx: Any,
        layer: Layer,
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
        """Carrier, bits, mean and variance; see `fused.spiking`."""
        firing, (sums, shape) = layer.firing, _one_sample(layer)
        samples = _samples(bits, firing.shape)
        stat = torch.zeros(2, firing.shape.C, dtype=torch.float64)
        for sample in samples:
            stat += sums.forward(sample, weight)[1]
        own, variance = affine(stat, stat, Norm(gamma, beta, mean, var, firing.eps), bias, firing)
        out = torch.stack(
            [
                c_layers.block_forward(sums.forward(sample, weight)[0], own.a, own.b, k, shape, firing.flags)
                for sample in samples
            ],
            1,
        ).flatten(0, 1)
        ctx.layer = layer
        ctx.save_for_backward(bits, weight, *own, gamma, bias, k)
        ctx.mark_non_differentiable(out, own.mean, variance)
        return no_carrier(*firing.shape.pooled, firing.shape.channels), out, own.mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        """Gradients of the arguments."""
        bits, weight, *rest = ctx.saved_tensors
        layer, saved = ctx.layer, Saved(*rest)
        firing, (sums, shape) = layer.firing, _one_sample(layer)
        totals = torch.zeros(2, shape.C, dtype=torch.float64)
        gk = torch.zeros(saved.k.shape, dtype=torch.float64)
        parts = [torch.zeros(weight.shape, dtype=torch.float64) for _ in range(3)]
        y = dz = ones = torch.empty(0)
        for place, sample in enumerate(_samples(bits, firing.shape)):
            g = grads[0].unflatten(0, (firing.shape.T, firing.shape.B))[:, place]
            y = sums.forward(sample, weight)[0]
            dz, total, own_gk = c_layers.block_backward(
                y, saved.a, saved.b, saved.k, g, shape, firing.flags, firing.surrogate
            )
            totals, gk = totals + total, gk + own_gk
            ones = ones if ones.shape == y.shape else torch.ones_like(y)
            for part, gradient in zip(
                parts, (dz, y, ones) if firing.batch_statistics else (dz,), strict=False
            ):
                part += sums.weight_gradient(sample, Gradient(gradient), weight)
        found = from_totals(y, dz, totals, gk, saved, firing)
        dw = torch.zeros(weight.shape, dtype=torch.float64)
        for factor, part in zip(found.factors(firing.shape.channels), parts, strict=False):
            dw += factor.view(-1, 1, 1, 1) * part
        return None, None, None, dw.float(), *found.wanted(ctx.needs_input_grad[4:8]), None, None


def _one_sample(layer: Layer) -> tuple[ConvSums, BlockShape]:
    assert isinstance(layer.sums, ConvSums)
    return layer.sums.one_sample(layer.firing.shape.T), replace(layer.firing.shape, B=1)


def _samples(bits: Tensor, shape: BlockShape) -> list[Tensor]:
    """Bits of each sample, all its timesteps."""
    return [sample.contiguous() for sample in bits.unflatten(0, (shape.T, shape.B)).unbind(1)]
