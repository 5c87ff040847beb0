"""Dynamics of every shape, run by the loops of one backend: the same inputs for all of them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from spareto.kernels.dynamics import Dynamics, Flag
from spareto.kernels.neurons import planes

LIF = {"beta": 0.5, "gain": 0.5, "surrogate": 0, "slope": math.pi, "height": 1.0}
EVERYTHING = {
    "beta": 0.7,
    "gain": 0.6,
    "bias": 0.02,
    "alpha": 0.4,
    "adapt_decay": 0.8,
    "adapt_scale": 0.3,
    "keep": 1,
    "drop_theta": 1.0,
    "delayed_keep": 1,
    "delayed_drop": 0.1,
    "v_start": -0.2,
    "attached": True,
    "surrogate": 1,
    "slope": 3.0,
    "height": 3.0,
}
KINDS = {
    "lif": LIF,
    "strict": {**LIF, "strict": True, "keep": 1, "drop_theta": 1.0},
    "current": {**LIF, "alpha": 0.6, "surrogate": 2},
    "adaptive": {**LIF, "adapt_decay": 0.9, "adapt_scale": 0.2, "surrogate": 3},
    "delayed": {**LIF, "keep": 1, "delayed_keep": 0, "surrogate": 4},
    "everything": EVERYTHING,
    "learned": {**LIF, "beta": torch.tensor(0.5), "surrogate": 5},
    "everything learned": {**EVERYTHING, "beta": torch.tensor(0.7)},
    "stored": {**LIF, "state_step": 0.25, "state_most": 3},
    "stored, step learned": {**LIF, "state_step": torch.tensor(0.3), "state_most": 3, "attached": True},
    "stored everything": {**EVERYTHING, "state_step": 0.05, "state_most": 7},
    "stored everything learned": {**EVERYTHING, "state_step": torch.tensor(0.05), "state_most": 7},
}


def results(
    loops: Any, dynamics: Dynamics, shape: tuple[int, ...] = (7, 3, 259), device: str = "cpu"
) -> list[Tensor]:
    """Spikes, last state, and the gradients of currents, first state and coefficients."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *size: torch.randn(size, generator=generator).to(device)  # noqa: E731
    flags, k = dynamics.flags | Flag.LAST, dynamics.coefficients().detach().to(device)
    x, g = draw(*shape) * 1.5 + 0.7, draw(*shape)
    state = draw(len(planes(flags)), *shape[1:]) * 0.3
    if flags & Flag.DELAYED:
        state[-1] = (state[-1] > 0).float()
    spikes, gx, last = torch.empty_like(x), torch.empty_like(x), torch.empty_like(state)
    g_last, g_state = draw(*state.shape), torch.empty_like(state)
    gk = torch.zeros(len(k), dtype=torch.float64, device=device) if flags & Flag.LEARNED else None
    loops.forward(x, spikes, k, state, last, flags)
    loops.backward(x, g, gx, k, gk, state, g_last, g_state, flags, dynamics.surrogate)
    return [part.cpu() for part in (spikes, last, gx, g_state, torch.zeros(1) if gk is None else gk)]


def check_same(one: list[Tensor], other: list[Tensor]) -> None:
    """Spikes and states to the bit, gradients to rounding."""
    for exact, found, expected in zip((True, True, False, False, False), one, other, strict=True):
        if exact:
            assert torch.equal(found, expected)
        else:
            scale = expected.abs().max().clamp_min(1e-30)
            assert float((found - expected).abs().max() / scale) < 1e-5
