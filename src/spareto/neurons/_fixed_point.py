"""Fixed-point numbers: what a chip keeps of a neuron's parameters and state."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def rounded(value: float, bits: int) -> float:
    """The nearest number of `bits` binary digits and a sign, its point where the value needs it.

    >>> [rounded(value, 4) for value in (0.5, 0.9, 0.3, 1.0)]
    [0.5, 0.875, 0.3125, 1.0]
    """
    mantissa, exponent = math.frexp(value)
    most = 2**bits - 1
    digits = max(-most, min(most, round(math.ldexp(mantissa, bits))))
    return math.ldexp(digits, exponent - bits)


def stored(state: Any, step: float, most: int) -> Any:
    """A state as whole steps from `−most` to `most`: rounded, saturated; tuples part by part.

    The gradient passes straight through the rounding, and not at all where the state saturates.
    """
    if isinstance(state, Tensor):
        return _Stored.apply(state, step, most)
    return tuple(stored(part, step, most) for part in state)


class _Stored(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, state: Tensor, step: float, most: int) -> Tensor:
        codes = (state / step).round_().add_(0.0)  # no negative zero: integers have none
        kept = codes.clamp(-most, most)
        ctx.save_for_backward(kept == codes)
        return kept.mul_(step)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore
        (inside,) = ctx.saved_tensors
        return torch.where(inside, grads[0], 0.0), None, None
