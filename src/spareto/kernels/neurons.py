"""The time loop of a layer of neurons as one differentiable torch operator, run by the backend at hand.

Eager calls go straight to one autograd node; under `torch.compile` and `torch.export` the same functions are
the custom operators `spareto::neuron` and `spareto::neuron_backward`, opaque to the compiler.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from spareto.kernels import c_neurons, cuda_neurons, numba_neurons
from spareto.kernels.dynamics import Dynamics, Flag
from spareto.kernels.library import backend, level

PLANES = (None, Flag.CURRENT, Flag.ADAPTIVE, Flag.DELAYED)  # v is always there; then i, a, s


class Loops(Protocol):
    """What a backend offers: both loops over `(time, ...)` arrays that lie in one piece."""

    def forward(
        self, x: Tensor, spikes: Tensor, k: Tensor, state: Tensor | None, last: Tensor | None, flags: int
    ) -> None:
        """Fill `spikes`, and `last` with the state after the last timestep."""
        ...

    def backward(
        self,
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
        """Fill `gx` and `gstate` with the gradients of currents and first state, add that of `k` to `gk`."""
        ...


def loops(x: Tensor, dynamics: Dynamics) -> Loops | None:
    """The kernels that can run these currents, or None: then the torch steps do."""
    if x.dtype is not torch.float32 or dynamics.surrogate is None:
        return None
    place = place_of(x.device.type)
    if place == "triton" and not torch.compiler.is_compiling() and not cuda_neurons.works(x.device.type):
        place = _places[x.device.type] = "torch"
    return None if place == "torch" else loops_of(x)


def place_of(device: str) -> str:
    """Which kernels a type of device has: `c`, `numba`, `triton` or `torch`."""
    prepare()
    return _places.get(device, "torch")


def kernels_on(device: str) -> str:
    """Which kernels a type of device has, for people: `c (avx512)`, `numba`, `cuda (triton)` or `torch`."""
    place = place_of(device)
    return {"c": f"c ({level()})", "cuda": "cuda (triton)"}.get(place, place)


_places: dict[str, str] = {}


def prepare() -> None:
    """Decide which kernels each device has; done before a graph is traced, which sees the answer as data."""
    if not _places:
        _places["cpu"] = backend()
        _places["cuda"] = "triton" if cuda_neurons.available() else "torch"


def run(x: Tensor, dynamics: Dynamics, state: tuple[Tensor, ...] | None, last: bool) -> tuple[Tensor, ...]:
    """Spikes of all timesteps, and the state after the last one if asked for.

    Args:
        x: Currents `(time, ...)`, float32, on a device that `loops` has kernels for.
        dynamics: The neurons.
        state: State before the first timestep: v, then what there is of i, a, s; None for fresh neurons.
        last: Also return the state after the last timestep.
    """
    flags = dynamics.flags | (Flag.LAST if last else 0)
    x = _one_piece(x, strict=last or state is not None)
    k = dynamics.coefficients(device=x.device)
    first = None if state is None else torch.stack(state)
    if torch.compiler.is_compiling() or type(x) not in (Tensor, torch.nn.Parameter):
        spikes, after = _operator(x, k, first, flags, dynamics.surrogate or 0)
    else:
        spikes, after = _Node.apply(x, k, first, flags, dynamics.surrogate or 0)
    return (spikes, *after.unbind()) if last else (spikes,)


def planes(flags: int) -> tuple[int, ...]:
    """Which of v, i, a, s a neuron of these flags keeps."""
    return tuple(place for place, flag in enumerate(PLANES) if flag is None or flags & flag)


def _one_piece(x: Tensor, strict: bool) -> Tensor:
    """`x` with its timesteps one behind the other in memory; unless strict, axes may lie channels-last."""
    channels_last = not strict and x.dim() == 5 and x.movedim(2, -1).is_contiguous()
    return x if channels_last else x.contiguous()


def loops_of(x: Tensor) -> Loops:
    """The kernels of currents that `loops` has kernels for."""
    place = _places[x.device.type]
    return c_neurons if place == "c" else numba_neurons if place == "numba" else cuda_neurons


def _forward(x: Tensor, k: Tensor, state: Tensor | None, flags: int) -> tuple[Tensor, Tensor]:
    spikes = torch.empty_like(x)
    last = x.new_empty((len(planes(flags)), *x.shape[1:])) if flags & Flag.LAST else None
    loops_of(x).forward(x, spikes, k, state, last, flags)
    return spikes, x.new_empty(0) if last is None else last


def _backward(
    g: Tensor, glast: Tensor | None, x: Tensor, k: Tensor, state: Tensor | None, flags: int, surrogate: int
) -> tuple[Tensor, Tensor, Tensor]:
    if g.stride() != x.stride():
        g = torch.empty_like(x).copy_(g)
    gx = torch.empty_like(x)
    gk = torch.zeros(k.shape, dtype=torch.float64, device=k.device) if flags & Flag.LEARNED else None
    gstate = None if state is None else torch.empty_like(state)
    glast = glast.contiguous() if flags & Flag.LAST and glast is not None else None
    loops_of(x).backward(x, g, gx, k, gk, state, glast, gstate, flags, surrogate)
    gk = x.new_empty(0) if gk is None else gk.to(k.dtype)
    return gx, gk, x.new_empty(0) if gstate is None else gstate


class _Node(torch.autograd.Function):
    """One autograd node for the whole time loop; keeps the currents and nothing else."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, k: Tensor, state: Tensor | None, flags: int, surrogate: int
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, k, state)
        ctx.constants = flags, surrogate
        ctx.set_materialize_grads(False)
        return _forward(x, k, state, flags)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor | None, glast: Tensor | None) -> tuple[Tensor | None, ...]:  # pyright: ignore
        return _gradients(ctx, g, glast, _backward)


def _gradients(ctx: Any, g: Tensor | None, glast: Tensor | None, backward: Any) -> tuple[Tensor | None, ...]:
    x, k, state = ctx.saved_tensors
    flags, surrogate = ctx.constants
    if g is None:
        g = torch.zeros_like(x)
    gx, gk, gstate = backward(g, glast, x, k, state, flags, surrogate)
    return gx, gk if flags & Flag.LEARNED else None, None if state is None else gstate, None, None


@torch.library.custom_op("spareto::neuron", mutates_args=())
def _operator(
    x: Tensor, k: Tensor, state: Tensor | None, flags: int, surrogate: int
) -> tuple[Tensor, Tensor]:
    return _forward(x, k, state, flags)


@_operator.register_fake
def _(x: Tensor, k: Tensor, state: Tensor | None, flags: int, surrogate: int) -> tuple[Tensor, Tensor]:
    shape = (len(planes(flags)), *x.shape[1:]) if flags & Flag.LAST else (0,)
    return torch.empty_like(x), x.new_empty(shape)


@torch.library.custom_op("spareto::neuron_backward", mutates_args=())
def _backward_operator(
    g: Tensor, glast: Tensor | None, x: Tensor, k: Tensor, state: Tensor | None, flags: int, surrogate: int
) -> tuple[Tensor, Tensor, Tensor]:
    return _backward(g, glast, x, k, state, flags, surrogate)


@_backward_operator.register_fake
def _(
    g: Tensor, glast: Tensor | None, x: Tensor, k: Tensor, state: Tensor | None, flags: int, surrogate: int
) -> tuple[Tensor, Tensor, Tensor]:
    gk = torch.empty_like(k) if flags & Flag.LEARNED else x.new_empty(0)
    return torch.empty_like(x), gk, x.new_empty(0) if state is None else torch.empty_like(state)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, k, state, flags, surrogate = inputs
    ctx.save_for_backward(x, k, state)
    ctx.constants = flags, surrogate


def _operator_backward(ctx: Any, g: Tensor | None, glast: Tensor | None) -> tuple[Tensor | None, ...]:
    return _gradients(ctx, g, glast, _backward_operator)


_operator.register_autograd(_operator_backward, setup_context=_keep)
