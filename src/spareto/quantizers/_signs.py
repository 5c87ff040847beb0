"""The gradient of a sign: that of rounding to −1 or 1."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spareto.quantizers.rounding import Rounding


def as_sign(soft: Tensor, sign: Tensor, rounding: Rounding) -> Tensor:
    """The signs, with the gradient for `soft` of rounding between −1 and 1, a gap of 2."""
    return _Replace.apply(soft, sign, rounding)


class _Replace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, soft: Tensor, hard: Tensor, rounding: Rounding) -> Tensor:
        ctx.save_for_backward(soft, hard)
        ctx.rounding = rounding
        return hard

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        soft, hard = ctx.saved_tensors
        return ctx.rounding.gradient(grads[0], (soft - hard) / 2), None, None
