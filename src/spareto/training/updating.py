"""Weights that lie on a logarithmic grid between two optimizer steps, as a machine of few bits keeps them."""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.records import UpdatePlan

OCTAVES: Final = 16
"""What the exponents span, whatever their width: 2^(bits−1) of them, so `per_octave` in one octave."""

HEADROOM: Final = 2
"""Octaves above the largest weight at the start of a phase."""

_TOP, _STEPS = "grid_top", "grid_steps"


def per_octave(bits: int) -> float:
    """Exponents in one octave: 2^(bits−1) / 16, the base factor γ_U of LNS-Madam.

    >>> [per_octave(bits) for bits in (16, 12, 10, 8)]
    [2048.0, 128.0, 32.0, 8.0]
    """
    return 2 ** (bits - 1) / OCTAVES


def on_grid(weight: Tensor, plan: UpdatePlan, top: Tensor, draw: int = 0) -> Tensor:
    """The weight on the grid `± top · 2^(−k/γ)` for `k = 0 .. 2^(bits−1) − 1`.

    A zero becomes the smallest positive value: the grid has no zero.

    Args:
        weight: Any shape.
        plan: Width and rounding.
        top: Largest value, scalar, above 0.
        draw: Decides what a stochastic rounding draws; the same in every process.

    Returns:
        Same shape.

    Reference:
        zhao2022; the base factor that keeps 16 octaves at every width.
    """
    gamma, codes = per_octave(plan.bits), 2 ** (plan.bits - 1)
    exponent = -torch.log2(weight.abs().double() / top.double()) * gamma
    noise = _noise(exponent, draw) if plan.rounding == "stochastic" else 0.5
    code = torch.floor(exponent.clamp(0, codes - 1) + noise).clamp_(0, codes - 1)
    size = torch.exp2(-code / gamma) * top.double()
    return torch.where(weight < 0, -size, size).to(weight.dtype)


def keep_on_grid(optimizer: torch.optim.Optimizer, plan: UpdatePlan) -> None:
    """Round the weights, the optimizer's first group, after every step it takes.

    Where it ends is decided by the weights that the phase starts from and kept in the optimizer's state.
    """
    tops: dict[nn.Parameter, Tensor] = {}

    def before(*_: Any) -> None:
        for weight in optimizer.param_groups[0]["params"]:
            known = optimizer.state[weight].get(_TOP) if weight in optimizer.state else None
            if known is not None:
                tops[weight] = known
            elif weight not in tops:
                tops[weight] = _top(weight)

    @torch.no_grad()
    def after(*_: Any) -> None:
        for index, (weight, top) in enumerate(tops.items()):
            if weight.grad is not None:
                state = optimizer.state[weight]
                steps = state.get(_STEPS, torch.zeros(())) + 1
                weight.copy_(on_grid(weight, plan, top, draw=1_000_003 * index + int(steps)))
                state |= {_TOP: top, _STEPS: steps}

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)


def _noise(like: Tensor, draw: int) -> Tensor:
    """Numbers from 0 to 1 of the shape of `like`."""
    generator = torch.Generator(like.device).manual_seed(draw)
    return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def _top(weight: Tensor) -> Tensor:
    """The power of two `HEADROOM` octaves above the largest magnitude, within what single precision holds."""
    largest = float(weight.detach().abs().max())
    exponent = math.ceil(math.log2(largest)) + HEADROOM if largest > 0 else 0
    return torch.tensor(2.0 ** min(max(exponent, -100), 120), device=weight.device)
