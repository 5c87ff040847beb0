"""Gates of two layers of spikes, 64 at a time, whose output is spikes again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels import c_layers
from spareto.kernels.spikes import Spikes, no_carrier


def gate(a: Spikes, x: Spikes, *, inverted: bool = False) -> Spikes:
    """`a x`, or `(1 - a) x` if inverted, of spikes of one shape.

    Gradients follow the product rule, on the 0 and 1 that the spikes are.
    """
    bits = ~a.bits if inverted else a.bits
    carrier, gated = _Gate.apply(a.carrier, x.carrier, bits, x.bits, inverted)
    return replace(x, bits=gated, carrier=carrier)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, carrier: Tensor, other: Tensor, bits: Tensor, other_bits: Tensor, inverted: bool
    ) -> tuple[Tensor, Tensor]:
        ctx.inverted = inverted
        ctx.save_for_backward(bits, other_bits)
        gated = bits & other_bits  # padded channels are 0 in the other, whatever they became
        ctx.mark_non_differentiable(gated)
        return no_carrier(*carrier.shape), gated

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        g, (bits, other_bits) = grads[0], ctx.saved_tensors
        wants = ctx.needs_input_grad
        own = _times(g, other_bits) if wants[0] else None
        if own is not None and ctx.inverted:
            own.neg_()
        return own, _times(g, bits) if wants[1] else None, None, None, None


def _times(g: Tensor, bits: Tensor) -> Tensor:
    return c_layers.unpack(bits, g.shape[-1]).view(g.shape).mul_(g)
