"""The firing decision: a step forward, a surrogate backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spareto.neurons.surrogates import Surrogate


def spike(distance: Tensor, surrogate: Surrogate) -> Tensor:
    """Fire where `distance = v - v_threshold` is 0 or more; the gradient is the surrogate's derivative.

    Args:
        distance: Any shape.
        surrogate: Derivative used backward.

    Returns:
        0 or 1, same shape and dtype as `distance`.
    """
    return _Spike.apply(distance, surrogate)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.surrogate = surrogate
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (distance,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.derivative(distance), None
