"""The firing decision: a step forward, a surrogate backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spareto.neurons.surrogates import Surrogate


def spike(v: Tensor, v_threshold: Tensor | float, surrogate: Surrogate, strict: bool = False) -> Tensor:
    """Fire where `v >= v_threshold`, or above it if strict; the gradient is the surrogate's derivative.

    Args:
        v: Membrane potentials, any shape.
        v_threshold: Firing level, one for all or one each.
        surrogate: Derivative used backward.
        strict: Do not fire at the threshold itself.

    Returns:
        0 or 1, same shape and dtype as `v`.
    """
    return _Spike.apply(v - v_threshold, (v > v_threshold) if strict else (v >= v_threshold), surrogate)


def count(
    v: Tensor,
    v_threshold: Tensor | float,
    surrogate: Surrogate,
    strict: bool = False,
    most: int | None = None,
) -> Tensor:
    """How many thresholds a potential holds; the gradient is the surrogate's derivative at the first of them.

    Args:
        v: Membrane potentials, any shape.
        v_threshold: Firing level above 0, one for all or one each.
        surrogate: Derivative used backward.
        strict: Hold only what is below the potential, so that one at the threshold itself does not count.
        most: Largest count; no limit if left out.

    Returns:
        Whole numbers, same shape and dtype as `v`.
    """
    with torch.no_grad():
        times = v / v_threshold
        whole = times.ceil().sub_(1.0) if strict else times.floor_()
        whole = whole.clamp_(0.0, most)
    return _Spike.apply(v - v_threshold, whole, surrogate)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: Tensor, fires: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.surrogate = surrogate
        return fires.to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (distance,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.derivative(distance), None, None
