"""A layer of neurons that feed each other, as one autograd node: kernels step, torch multiplies."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels.dynamics import COEFFICIENTS, Dynamics, Flag
from spareto.kernels.neurons import loops_of, planes


def run(x: Tensor, weight: Tensor, bias: Tensor | None, dynamics: Dynamics) -> Tensor:
    """Spikes of fresh neurons whose currents are `x[t] + weight · s[t-1] + bias`.

    Args:
        x: Currents `(time, batch, features)`, float32, on a device that `neurons.loops` has kernels for.
        weight: Shape `(features, features)`.
        bias: Shape `(features,)`, or None.
        dynamics: The neurons.
    """
    k = dynamics.coefficients(device=x.device)
    return _Recurrent.apply(
        x.contiguous(), weight, bias, k, dynamics.flags | Flag.LAST, dynamics.surrogate or 0
    )


class _Recurrent(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, k: Tensor, flags: int, surrogate: int
    ) -> Tensor:
        loops, steps = loops_of(x), len(x)
        currents, spikes = torch.empty_like(x), torch.empty_like(x)
        states = x.new_zeros((steps + 1, len(planes(flags)), *x.shape[1:]))
        states[0, 0] = k[COEFFICIENTS.index("v_start")]
        fed = torch.zeros_like(x[0])
        for t in range(steps):
            torch.add(x[t], F.linear(fed, weight, bias), out=currents[t])
            now = slice(t, t + 1)
            loops.forward(currents[now], spikes[now], k, states[t], states[t + 1], flags)
            fed = spikes[t]
        ctx.save_for_backward(currents, spikes, states, weight, bias, k)
        ctx.constants = flags, surrogate
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        currents, spikes, states, weight, bias, k = ctx.saved_tensors
        flags, surrogate = ctx.constants
        loops, g = loops_of(currents), grads[0].contiguous()
        gx, after = torch.empty_like(currents), torch.zeros_like(states[0])
        gk = torch.zeros(k.shape, dtype=torch.float64, device=k.device) if flags & Flag.LEARNED else None
        for t in reversed(range(len(currents))):
            now = slice(t, t + 1)
            total = g[now] if t + 1 == len(currents) else torch.addmm(g[t], gx[t + 1], weight)[None]
            before = torch.empty_like(after)
            loops.backward(
                *(currents[now], total, gx[now], k, gk, states[t], after, before, flags, surrogate)
            )
            after = before
        g_weight = gx[1:].flatten(0, 1).T @ spikes[:-1].flatten(0, 1)
        g_bias = None if bias is None else gx.sum((0, 1))
        return gx, g_weight, g_bias, None if gk is None else gk.to(k.dtype), None, None
