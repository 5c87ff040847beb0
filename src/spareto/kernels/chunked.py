"""A spiking layer a few samples at a time: memory for the gradients of their sums only.

For the first layer, by far the largest: it needs no gradient of its input. And for those behind it where
activations are recomputed: behind a batch norm, the gradient of the input takes the sums of each chunk again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels import c_layers
from spareto.kernels.c_layers import BlockShape, Gradient, padded
from spareto.kernels.normalizing import FiringConstants, LayerConstants, Norm, Saved, affine, from_totals
from spareto.kernels.spikes import passed_on
from spareto.kernels.sums import ConvSums

LARGE: Final = 96 << 20
"""Bytes of sums that samples together may have; a single sample may have more."""

BEHIND: Final = 2
"""How many times as large are the sums of a layer behind the first that is worth the time of chunks."""
ONES: Final = 8 << 20
"""Bytes of gradients of 1 that are there at once."""


def samples_together(layer: LayerConstants) -> int:
    """How many samples make a chunk."""
    return max(1, LARGE * layer.firing.shape.B // max(1, _bytes(layer)))


def in_chunks(layer: LayerConstants, carrier: Tensor) -> bool:
    """Whether a layer runs a few samples at a time."""
    if not isinstance(layer.sums, ConvSums) or samples_together(layer) >= layer.firing.shape.B:
        return False
    return not carrier.requires_grad or (layer.recompute and _bytes(layer) > BEHIND * LARGE)


def _bytes(layer: LayerConstants) -> int:
    """Bytes of the sums of all samples."""
    shape = layer.firing.shape
    return 4 * shape.T * shape.B * shape.H * shape.W * shape.C


class Chunked(torch.autograd.Function):
    """As `fused.spiking`, in chunks of samples.

    The gradient of the sums is `k0 dz + k1 y + k2` with factors that are known after the last chunk only, so
    the weight gradients of `dz`, `y` and 1 are added up apart.
    """

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
        """Carrier, bits, mean and variance; see `fused.spiking`."""
        firing, chunks = layer.firing, _chunks(layer, bits)
        kept: list[Tensor | None] = []
        stat = torch.zeros(2, firing.shape.C, dtype=torch.float64)
        for place, (sums, _, part) in enumerate(chunks, 1):
            y, own_stat = sums.forward(_bits(part), weight)
            stat += own_stat
            kept.append(None if layer.recompute and place < len(chunks) else y)
            del y
        own, variance = affine(stat, stat, Norm(gamma, beta, mean, var, firing.eps), bias, firing)
        fired: list[Tensor] = []
        for place in reversed(range(len(chunks))):  # the last chunk's sums are still there
            y = _sums(kept[place], chunks[place], weight)
            if layer.recompute:
                kept[place] = None
            part = c_layers.block_forward(y, own.a, own.b, k, chunks[place][1], firing.flags)
            fired.insert(0, part.unflatten(0, (firing.shape.T, -1)))
            del y
        out = torch.cat(fired, 1).flatten(0, 1)
        ctx.layer = layer
        ctx.save_for_backward(bits, weight, *own, gamma, bias, k, *kept)
        ctx.mark_non_differentiable(out, own.mean, variance)
        return passed_on(out, firing.shape), out, own.mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        """Gradients of the arguments."""
        bits, weight, *rest = ctx.saved_tensors
        layer, saved, kept = ctx.layer, Saved(*rest[:7]), rest[7:]
        firing = layer.firing
        totals = torch.zeros(2, firing.shape.C, dtype=torch.float64)
        gk = torch.zeros(saved.k.shape, dtype=torch.float64)
        parts = [torch.zeros(weight.shape, dtype=torch.float64) for _ in range(3)]
        g, chunks = grads[0].unflatten(0, (firing.shape.T, firing.shape.B)), _chunks(layer, bits)
        shares = g.split(samples_together(layer), 1)
        y = dz = torch.empty(0)
        for own, chunk, part in zip(kept, chunks, shares, strict=True):
            sums, own_bits = chunk[0], _bits(chunk[2])
            del y, dz  # the memory of the chunk before serves this one
            y = _sums(own, chunk, weight)
            dz, total, own_gk = _back(y, part, saved, firing, chunk[1])
            totals += total
            gk += own_gk
            finite = bool(total.isfinite().all())
            parts[0] += sums.weight_gradient(own_bits, Gradient(dz, finite=finite), weight)
            if firing.batch_statistics:
                parts[1] += sums.weight_gradient(own_bits, Gradient(y), weight)
                parts[2] += _of_ones(sums, own_bits, weight)
        found = from_totals(y, dz, totals, gk, saved, firing)
        factors = replace(found.sums, dz=torch.empty(0), y=None)
        found = found._replace(sums=factors)
        del y, dz
        dw = torch.zeros(weight.shape, dtype=torch.float64)
        for factor, part in zip(found.factors(firing.shape.channels), parts, strict=False):
            dw += factor.view(-1, 1, 1, 1) * part
        wants, dx = ctx.needs_input_grad, None
        if wants[1]:
            plane = layer.sums.shape.H, layer.sums.shape.W, layer.sums.shape.C
            dx = g.new_empty(*g.shape[:2], *plane)
            each = dx.split(samples_together(layer), 1)
            for own, chunk, part, to in zip(kept, chunks, shares, each, strict=True):
                y = _sums(own, chunk, weight)
                dz = _back(y, part, saved, firing, chunk[1])[0]
                gradient = replace(factors, dz=dz, y=None if factors.k0 is None else y)
                to.copy_(chunk[0].input_gradient(gradient, weight).view(to.shape))
                del y, dz, gradient
            dx = dx.flatten(0, 1)
        return None, dx, None, dw.float(), *found.wanted(wants[4:8]), None, None


Chunk = tuple[ConvSums, BlockShape, Tensor]


def _chunks(layer: LayerConstants, bits: Tensor) -> list[Chunk]:
    """Sums, geometry and bits of each chunk, all its timesteps."""
    sums, shape = layer.sums, layer.firing.shape
    assert isinstance(sums, ConvSums)
    parts = bits.unflatten(0, (shape.T, shape.B)).split(samples_together(layer), 1)
    return [
        (
            sums.of_images(shape.T * part.shape[1]),
            replace(shape, B=part.shape[1]),
            part,
        )
        for part in parts
    ]


def _sums(kept: Tensor | None, chunk: Chunk, weight: Tensor) -> Tensor:
    return chunk[0].forward(_bits(chunk[2]), weight)[0] if kept is None else kept


def _bits(part: Tensor) -> Tensor:
    """A chunk's bits in one piece."""
    return part.flatten(0, 1).contiguous()


def _back(
    y: Tensor, g: Tensor, saved: Saved, firing: FiringConstants, shape: BlockShape
) -> tuple[Tensor, Tensor, Tensor]:
    g = g.flatten(0, 1)
    constants = (shape, firing.flags, firing.surrogate, firing.eps is not None)
    return c_layers.block_backward(y, saved.a, saved.b, saved.k, g, *constants)


def _of_ones(sums: ConvSums, bits: Tensor, weight: Tensor) -> Tensor:
    """Weight gradient of sums whose gradient is 1 everywhere; the same for every output of a group."""
    s = replace(sums.shape, OC=padded(1), groups=1)
    together = max(1, ONES // (4 * s.OH * s.OW * s.OC))
    of_inputs, found = torch.zeros(1, s.C, s.KH, s.KW), torch.zeros(1, s.C, s.KH, s.KW)
    for some in bits.split(together):
        part = replace(sums, shape=s).of_images(len(some))
        ones = torch.ones(len(some), s.OH, s.OW, s.OC)
        found += part.weight_gradient(some, Gradient(ones), of_inputs)
    groups = sums.shape.groups
    return found.view(groups, *weight.shape[1:]).repeat_interleave(weight.shape[0] // groups, 0)
