"""The autograd node of every quantizer whose codes are points of a grid times a step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.quantizers.rounding import Rounding


def snap(
    weight: Tensor,
    position: Tensor,
    bounds: tuple[float | Tensor, float | Tensor],
    step_in: Tensor,
    step_out: Tensor,
    rounding: Rounding,
) -> Tensor:
    """Round a weight to whole steps, `round(clamp(w / step_in)) · step_out`, with the gradients

        d w         f · g · (step_out / step_in)  inside the bounds, else 0
        d step_out  g · round(x)
        d step_in   −f · g · x · (step_out / step_in)  inside the bounds, else 0

    where `x = w / step_in` and `f · g` is what the rounding makes of the gradient `g`. Written by hand
    because autograd through the quotient squares the step, which overflows where weights are tiny.

    Args:
        weight: Any shape.
        position: `weight / step_in`, as the quantizer's `encode` computes it; not differentiated, and
            overwritten: at the size of a weight, memory fresh from the system costs more than arithmetic.
        bounds: Smallest and largest position.
        step_in: Broadcastable against the weight.
        step_out: Of the same shape; the same tensor where one step serves both ways.
        rounding: What gradient passes.

    Returns:
        Same shape as the weight.

    Reference:
        esser2020 (LSQ), equation 3, is the case of one step and straight-through rounding.
    """  # noqa: D415
    clipped = position.clamp(*bounds)  # pyright: ignore[reportCallIssue, reportArgumentType]
    inside = clipped == position
    snapped = torch.round(clipped, out=position).add_(0.0)  # no negative zero: integers have none
    return _Snap.apply(weight, step_in, step_out, clipped, snapped, None, inside, rounding)


def snap_to(
    weight: Tensor,
    step: Tensor,
    clipped: Tensor,
    snapped: Tensor,
    offset: Tensor,
    inside: Tensor,
    rounding: Rounding,
) -> Tensor:
    """Like `snap` with one step, for any grid: `snapped` holds its points, `offset` the distance in gaps."""
    return _Snap.apply(weight, step, step, clipped, snapped, offset, inside, rounding)


class _Snap(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        step_in: Tensor,
        step_out: Tensor,
        clipped: Tensor,
        snapped: Tensor,
        offset: Tensor | None,
        inside: Tensor,
        rounding: Rounding,
    ) -> Tensor:
        ctx.save_for_backward(step_in, step_out, clipped, snapped, offset, inside)
        ctx.rounding, ctx.one_step = rounding, step_in is step_out
        return snapped * step_out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        step_in, step_out, clipped, snapped, offset, inside = ctx.saved_tensors
        (grad,) = grads
        if not ctx.rounding.straight:
            offset = clipped - snapped if offset is None else offset
            passed = torch.where(inside, ctx.rounding.gradient(grad, offset), 0.0)
        else:
            passed = torch.where(inside, grad, 0.0)
        grad_in = grad_out = None
        if ctx.one_step and ctx.needs_input_grad[1]:  # in one sum: the two nearly cancel
            grad_in = (grad * snapped).addcmul_(passed, clipped, value=-1.0).sum_to_size(step_in.shape)
        elif not ctx.one_step:
            passed = passed * (step_out / step_in)
            grad_in = (passed * clipped).sum_to_size(step_in.shape).neg_()
            grad_out = (grad * snapped).sum_to_size(step_out.shape)
        return passed, grad_in, grad_out, None, None, None, None, None
