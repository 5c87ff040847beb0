"""One timestep of the family in `kernels/dynamics.py`, in torch: the definition every kernel is held to.

Each sum is rounded as it is written, in the order the C kernels have, so that spikes are equal to the bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from spareto.kernels.dynamics import Dynamics
from spareto.neurons._spike import spike
from spareto.neurons.surrogates import Surrogate


class Parts(NamedTuple):
    """State between two timesteps; a part the neuron does not have is None.

    Args:
        v: Membrane potential.
        i: Synaptic current.
        a: Adaptation of the threshold.
        s: Spikes of the timestep before.
    """

    v: Tensor
    i: Tensor | None = None
    a: Tensor | None = None
    s: Tensor | None = None

    def there(self) -> tuple[Tensor, ...]:
        """The parts the neuron has."""
        return tuple(part for part in self if part is not None)


def used(dynamics: Dynamics) -> tuple[bool, bool, bool, bool]:
    """Which of v, i, a and s a neuron keeps."""
    return (
        True,
        dynamics.alpha is not None,
        dynamics.adapt_decay is not None,
        dynamics.delayed_keep is not None,
    )


def parts_of(dynamics: Dynamics, tensors: tuple[Tensor, ...]) -> Parts:
    """The reverse of `Parts.there`."""
    v, *others = tensors
    rest = iter(others)
    return Parts(v, *(next(rest) if here else None for here in used(dynamics)[1:]))


def fresh(dynamics: Dynamics, current: Tensor) -> Parts:
    """State before the first timestep."""
    _, *others = used(dynamics)
    zeros = (torch.zeros_like(current) if here else None for here in others)
    return Parts(torch.full_like(current, dynamics.v_start), *zeros)


def family_step(
    dynamics: Dynamics, surrogate: Surrogate, current: Tensor, state: Parts
) -> tuple[Tensor, Parts]:
    """`(current, state) -> (spikes, state)`; the equations stand in `kernels/dynamics.py`."""
    i, _, h = charge(dynamics, current, state)
    theta = threshold(dynamics, state)
    s = spike(h, theta, surrogate, dynamics.strict)
    v = _lowered(h, s, reset_level(dynamics, h, theta), dynamics.attached)
    return s, following(dynamics, state, i, v, s)


def charge(dynamics: Dynamics, current: Tensor, state: Parts) -> tuple[Tensor, Tensor, Tensor]:
    """Synaptic current, and membrane potential without and with the delayed reset, before firing."""
    i = current if state.i is None else (dynamics.alpha or 0.0) * state.i + current
    q = dynamics.beta * state.v + dynamics.gain * i + dynamics.bias
    if state.s is None:
        return i, q, q
    return i, q, _lowered(q, state.s, delayed_level(dynamics, q), dynamics.attached)


def threshold(dynamics: Dynamics, state: Parts) -> Tensor | float:
    """Level at which each neuron fires now."""
    if state.a is None:
        return dynamics.v_threshold
    return dynamics.adapt_scale * state.a + dynamics.v_threshold


def reset_level(dynamics: Dynamics, h: Tensor, theta: Tensor | float) -> Tensor:
    """Where a spike takes the membrane potential at once."""
    return _kept(dynamics.keep, h) - (dynamics.drop_theta * theta + dynamics.drop)


def delayed_level(dynamics: Dynamics, q: Tensor) -> Tensor:
    """Where a spike takes the membrane potential one timestep later."""
    return _kept(dynamics.delayed_keep or 0, q) - dynamics.delayed_drop


def following(dynamics: Dynamics, state: Parts, i: Tensor, v: Tensor, s: Tensor) -> Parts:
    """State after a timestep."""
    return Parts(
        v,
        None if state.i is None else i,
        None if state.a is None else (dynamics.adapt_decay or 0.0) * state.a + s,
        None if state.s is None else s,
    )


def _kept(keep: int, potential: Tensor) -> Tensor:
    """A potential, or 0 for one that is forgotten, were it infinite."""
    return potential if keep else torch.zeros_like(potential)


def _lowered(h: Tensor, s: Tensor, lower: Tensor, attached: bool) -> Tensor:
    """`lower` after a spike, else `h`; if attached, the spikes carry a gradient too."""
    v = torch.where(s > 0, lower, h)
    return _Attached.apply(v, s, (lower - h).detach()) if attached else v


class _Attached(torch.autograd.Function):
    """The potential as it is; its gradient also flows to the spikes that lowered it, were it infinite."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, s: Tensor, fall: Tensor) -> Tensor:
        ctx.save_for_backward(fall)
        return v.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (fall,) = ctx.saved_tensors
        return grads[0], grads[0] * fall, None
