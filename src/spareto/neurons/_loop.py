"""The time loop of the family in torch with a hand-written backward: the fast path where no kernel runs.

One autograd node for any dtype and device; coefficients are fixed, neurons start fresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels.dynamics import Dynamics
from spareto.neurons._step import Parts, charge, delayed_level, following, fresh, reset_level, threshold
from spareto.neurons.surrogates import Surrogate


def one_node(current: Tensor, dynamics: Dynamics, surrogate: Surrogate) -> Tensor:
    """Spikes of all timesteps, shape and dtype of `current`, `(time, batch, ...)`."""
    return _Loop.apply(current, dynamics, surrogate)


class _Moment(NamedTuple):
    """One timestep: the state it started from, the potentials of `charge`, the threshold and the spikes."""

    before: Parts
    q: Tensor
    h: Tensor
    theta: Tensor | float
    s: Tensor


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dynamics: Dynamics, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(x)
        ctx.constants = dynamics, surrogate
        spikes = torch.empty_like(x)
        for t, moment in enumerate(_moments(dynamics, x)):
            spikes[t] = moment.s
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        (x,) = ctx.saved_tensors
        dynamics, surrogate = ctx.constants
        grad_x, carry = torch.empty_like(x), _Carry(dynamics, surrogate)
        moments = list(_moments(dynamics, x))
        for t in reversed(range(len(moments))):
            grad_x[t] = carry.back(grads[0][t], moments[t])
        return grad_x, None, None


def _moments(dynamics: Dynamics, x: Tensor) -> Iterator[_Moment]:
    state = fresh(dynamics, x[0]) if len(x) else None
    for current in x:
        assert state is not None
        i, q, h = charge(dynamics, current, state)
        theta = threshold(dynamics, state)
        fires = h > theta if dynamics.strict else h >= theta
        yield (moment := _Moment(state, q, h, theta, fires.to(h.dtype)))
        v = torch.where(fires, reset_level(dynamics, h, theta), h)
        state = following(dynamics, state, i, v, moment.s)


class _Carry:
    """Gradients of the state, walking back from the last timestep; mirrors `csrc/neuron.h`."""

    def __init__(self, dynamics: Dynamics, surrogate: Surrogate) -> None:
        self.dynamics, self.surrogate = dynamics, surrogate
        self.v: Tensor | float = 0.0
        self.i: Tensor | float = 0.0
        self.a: Tensor | float = 0.0
        self.s: Tensor | float = 0.0

    def back(self, g: Tensor, now: _Moment) -> Tensor:
        """Gradient of one timestep's currents, from that of its spikes."""
        own = self.dynamics
        gs = g + self.s + self.a
        if own.attached:
            gs = gs - self.v * (now.h - reset_level(own, now.h, now.theta))
        gd = gs * self.surrogate.derivative(now.h - now.theta)
        if now.before.a is not None:
            g_theta = -gd - now.s * own.drop_theta * self.v
            self.a = (own.adapt_decay or 0.0) * self.a + own.adapt_scale * g_theta
        gq = self._through_delay(gd + (self.v if own.keep else self.v * (1.0 - now.s)), now)
        self.v = own.beta * gq
        gi = own.gain * gq + self.i
        self.i = 0.0 if own.alpha is None else own.alpha * gi
        return gi

    def _through_delay(self, gh: Tensor, now: _Moment) -> Tensor:
        own, before = self.dynamics, now.before.s
        if before is None:
            return gh
        self.s = -gh * (now.q - delayed_level(own, now.q)) if own.attached else 0.0
        return gh if own.delayed_keep else gh * (1.0 - before)
