"""The neuron loops on a GPU, in Triton; one program runs a block of neurons through all timesteps.

The backward kernel writes a tape of the states to GPU memory and walks it back. Fused multiply-adds are
switched off, so that spikes are those of the torch steps.
"""

from __future__ import annotations

import importlib
import math
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from spareto.kernels.dynamics import COEFFICIENTS, Flag

BLOCK = 256
PLANES = (0, Flag.CURRENT, Flag.ADAPTIVE, Flag.DELAYED)


@cache
def available() -> bool:
    """Whether Triton and a GPU are there."""
    return find_spec("triton") is not None and torch.cuda.is_available()


@cache
def _kernels() -> Any:
    """The module of the Triton kernels, which can be imported only where Triton is installed."""
    return importlib.import_module("spareto.kernels.triton_loops")


def forward(
    x: Tensor, spikes: Tensor, k: Tensor, state: Tensor | None, last: Tensor | None, flags: int
) -> None:
    """See `Loops.forward`."""
    size = math.prod(x.shape[1:])
    planes = _planes(size, k, state, flags)
    if size:
        _kernels().forward[(-(-size // BLOCK),)](
            *(x, spikes, k, planes, x.shape[0], size),
            **{**_constants(flags), "enable_fp_fusion": False},
        )
    _give(planes, last, flags)


def backward(
    x: Tensor,
    g: Tensor,
    gx: Tensor,
    k: Tensor,
    gk: Tensor | None,
    state: Tensor | None,
    glast: Tensor | None,
    gstate: Tensor | None,
    flags: int,
    surrogate: int,
) -> None:
    """See `Loops.backward`."""
    size, steps = math.prod(x.shape[1:]), x.shape[0]
    start = _planes(size, k, state, flags)
    carry = torch.zeros_like(start)
    if glast is not None:
        carry[_used(flags)] = glast.reshape(-1, size)
    blocks = -(-size // BLOCK)
    tape = x.new_empty((4, steps, size))
    sums = x.new_zeros((blocks, 8))
    if size:
        _kernels().backward[(blocks,)](
            *(x, g, gx, k, start, carry, tape, sums, steps, size),
            **{**_constants(flags), "ATTACHED": bool(flags & Flag.ATTACHED), "SURROGATE": surrogate},
            LEARNED=bool(flags & Flag.LEARNED),
            enable_fp_fusion=False,
        )
    _give(carry, gstate, flags)
    if gk is not None:
        gk[:7] += sums[:, :7].double().sum(0)


def _constants(flags: int) -> dict[str, Any]:
    names = ("CURRENT", "ADAPTIVE", "DELAYED", "STRICT")
    return {name: bool(flags & getattr(Flag, name)) for name in names} | {"BLOCK": BLOCK}


def _used(flags: int) -> list[int]:
    return [place for place, flag in enumerate(PLANES) if not flag or flags & flag]


def _planes(size: int, k: Tensor, state: Tensor | None, flags: int) -> Tensor:
    """v, i, a, s of all neurons, `(4, size)`, which the kernel turns into those after the last timestep."""
    planes = k.new_zeros((4, size))
    planes[0] = k[COEFFICIENTS.index("v_start")]
    if state is not None:
        planes[_used(flags)] = state.reshape(-1, size)
    return planes


def _give(planes: Tensor, state: Tensor | None, flags: int) -> None:
    if state is not None:
        state.copy_(planes[_used(flags)].view(state.shape))
