"""The neuron loops on a GPU, in Triton; one program runs a block of neurons through all timesteps.

The backward kernel writes a tape of the states to GPU memory and walks it back; that of v lies where the
gradients of the currents will be. Fused multiply-adds are switched off, so that spikes are those of the torch
steps.
"""

from __future__ import annotations

import importlib
import logging
import math
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from spareto.kernels.dynamics import COEFFICIENTS, LEARNABLE, Flag

BLOCK = 128  # one neuron per thread: with more, odd sizes would be shuffled between threads every timestep
_log = logging.getLogger("spareto")


@cache
def available() -> bool:
    """Whether Triton and a GPU are there."""
    return find_spec("triton") is not None and torch.cuda.is_available()


@cache
def works(device: str) -> bool:
    """Whether the kernels compile and run, tried once on one neuron; if not, the log says why.

    Triton needs a C compiler at run time and refuses old GPUs.
    """
    try:
        x = torch.zeros((1, 1), device=device)
        forward(x, torch.empty_like(x), x.new_zeros(len(COEFFICIENTS)), None, None, 0)
    except Exception as error:  # whatever a compiler or a driver raises
        why = (str(error).splitlines() or [type(error).__name__])[0]
        _log.warning(
            "spareto: the Triton kernels cannot be used (%s); the slower torch steps run on the GPU instead.",
            why,
        )
        return False
    return True


@cache
def _kernels() -> Any:
    """The module of the Triton kernels, which can be imported only where Triton is installed."""
    return importlib.import_module("spareto.kernels.triton_loops")


def forward(
    x: Tensor, spikes: Tensor, k: Tensor, state: Tensor | None, last: Tensor | None, flags: int
) -> None:
    """Fill `spikes` and `last` on a GPU; arguments as in `Loops.forward`."""
    _launch("forward", x, (x, spikes, k, state, last), _constants(flags))


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
    """Fill the gradients on a GPU; arguments as in `Loops.backward`."""
    others = sum(bool(flags & part) for part in (Flag.CURRENT, Flag.ADAPTIVE, Flag.DELAYED))
    tape = x.new_empty((others, *x.shape)) if others else None
    sums = None if gk is None else gk.new_zeros((_blocks(x), 8))
    constants = _constants(flags) | {
        "ATTACHED": bool(flags & Flag.ATTACHED),
        "LEARNED": sums is not None,
        "SURROGATE": surrogate,
    }
    _launch("backward", x, (x, g, gx, k, state, glast, gstate, tape, sums), constants)
    if gk is not None and sums is not None and len(sums):
        places = torch.tensor([COEFFICIENTS.index(name) for name in LEARNABLE], device=gk.device)
        gk.index_add_(0, places, sums.sum(0))


def _launch(name: str, x: Tensor, arrays: tuple[Tensor | None, ...], constants: dict[str, Any]) -> None:
    """Run a kernel over all neurons, on the device of `x`: Triton itself takes the current one."""
    if not _size(x):
        return  # a grid has at least one block
    kernel = getattr(_kernels(), name)
    with torch.cuda.device_of(x):
        kernel[(_blocks(x),)](
            *arrays,
            x.shape[0],
            _size(x),
            **constants,
            BLOCK=BLOCK,
            num_warps=BLOCK // 32,
            enable_fp_fusion=False,
        )


def _size(x: Tensor) -> int:
    return math.prod(x.shape[1:])


def _blocks(x: Tensor) -> int:
    return -(-_size(x) // BLOCK)


def _constants(flags: int) -> dict[str, Any]:
    names = ("CURRENT", "ADAPTIVE", "DELAYED", "STRICT", "STORED")
    return {name: bool(flags & getattr(Flag, name)) for name in names}
