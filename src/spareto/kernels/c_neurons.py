"""The neuron loops in C."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import torch
from torch import Tensor

from spareto.kernels.dynamics import Flag
from spareto.kernels.library import function

_PLANES = (0, Flag.CURRENT, Flag.ADAPTIVE, Flag.DELAYED)
GRAIN = 32768
_Pointers = ctypes.c_void_p * 4


def forward(
    x: Tensor, spikes: Tensor, k: Tensor, state: Tensor | None, last: Tensor | None, flags: int
) -> None:
    """Fill `spikes` and `last` in C; arguments as in `Loops.forward`."""
    size = _size(x)
    run = function("spareto_neuron_forward", "pppppqqii")
    run(
        *(x.data_ptr(), spikes.data_ptr(), k.data_ptr(), _pointers(state, flags), _pointers(last, flags)),
        *(x.shape[0], size, flags, _threads(x)),
    )


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
    """Fill the gradients in C; arguments as in `Loops.backward`."""
    run = function("spareto_neuron_backward", "ppppppppqqiii")
    run(
        *(x.data_ptr(), g.data_ptr(), gx.data_ptr(), k.data_ptr(), None if gk is None else gk.data_ptr()),
        *(_pointers(state, flags), _pointers(glast, flags), _pointers(gstate, flags)),
        *(x.shape[0], _size(x), flags, surrogate, _threads(x)),
    )


def _threads(x: Tensor) -> int:
    """Threads worth waking: as torch's own loops, one for fewer than `GRAIN` neuron-steps."""
    return torch.get_num_threads() if x.numel() >= GRAIN else 1


def _size(x: Tensor) -> int:
    return math.prod(x.shape[1:])


def _pointers(state: Tensor | None, flags: int) -> Any:
    """Addresses of v, i, a, s inside `state`, which stacks the ones there are; None for none at all."""
    if state is None:
        return None
    addresses, step = _Pointers(), state.stride(0) * state.element_size()
    address = state.data_ptr()
    for place, flag in enumerate(_PLANES):
        if not flag or flags & flag:
            addresses[place] = address
            address += step
    return addresses
