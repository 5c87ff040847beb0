"""Fixed-point numbers: what a chip keeps of a neuron's parameters and state."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels.dynamics import rate_of


def rounded(value: float, bits: int) -> float:
    """The nearest number of `bits` binary digits and a sign, its point where the value needs it.

    >>> [rounded(value, 4) for value in (0.5, 0.9, 0.3, 1.0)]
    [0.5, 0.875, 0.3125, 1.0]
    """
    mantissa, exponent = math.frexp(value)
    most = 2**bits - 1
    digits = max(-most, min(most, round(math.ldexp(mantissa, bits))))
    return math.ldexp(digits, exponent - bits)


def stored(state: Any, step: float | Tensor, most: int) -> Any:
    """A state as whole steps from `−most` to `most`: saturated, rounded half to even; tuples part by part.

    The gradient of the state passes straight through the rounding, and not at all where it saturates. That of
    the step, where it is a tensor, is how far rounding moved the state, in steps; `most` where it saturates.

    Reference:
        esser2020 (LSQ), equation 3: the gradient of the step.
    """
    if isinstance(state, Tensor):
        size = torch.as_tensor(step, dtype=state.dtype, device=state.device)
        rate = torch.as_tensor(rate_of(size if isinstance(step, Tensor) else step), dtype=state.dtype)
        return _Stored.apply(state, size, rate.to(state.device), most)
    return tuple(stored(part, step, most) for part in state)


class _Stored(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, state: Tensor, step: Tensor, rate: Tensor, most: int) -> Tensor:
        scaled = state * rate
        clipped = scaled.clamp(-most, most)
        codes = clipped.round().add_(0.0)  # no negative zero: integers have none
        inside = clipped == scaled
        ctx.save_for_backward(inside, codes - torch.where(inside, scaled, 0.0))
        return codes.mul_(step)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        inside, moved = ctx.saved_tensors
        step = (grads[0] * moved).sum() if ctx.needs_input_grad[1] else None
        return torch.where(inside, grads[0], 0.0), step, None, None
