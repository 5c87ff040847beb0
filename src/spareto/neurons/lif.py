"""The leaky integrate-and-fire neuron."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.neurons._base import SpikingNeuron
from spareto.neurons._spike import spike
from spareto.neurons.surrogates import Surrogate
from spareto.neurons.surrogates import registry as surrogates

Reset = Literal["zero", "subtract"]


class LIF(SpikingNeuron):
    """Leaky integrate-and-fire neuron whose input is scaled by what the leak lets go.

        h[t] = beta · v[t-1] + (1 − beta) · x[t]      beta = 1 − 1 / tau
        s[t] = 1 if h[t] >= v_threshold else 0
        v[t] = h[t] · (1 − s[t])                      reset "zero"
        v[t] = h[t] − v_threshold · s[t]              reset "subtract"

    The gradient flows through the spike by the surrogate, not through the reset.

    Args:
        tau: Membrane time constant in timesteps, at least 1 (1 forgets at once).
        v_threshold: Firing level.
        reset: What happens to the membrane potential after a spike.
        surrogate: Name of the surrogate gradient.

    Raises:
        ConfigError: `tau` or `reset` is not allowed.
        UnknownName: No surrogate has that name.

    Reference:
        fang2021, equation 2; zhu2022 (TCJA) uses tau 2, threshold 1 and reset to zero.
    """

    kind: ClassVar[str] = "lif"

    def __init__(
        self, tau: float = 2.0, v_threshold: float = 1.0, reset: Reset = "zero", surrogate: str = "arctan"
    ) -> None:
        super().__init__()
        _check(tau, reset)
        self.beta = 1.0 - 1.0 / tau
        self.v_threshold = v_threshold
        self.reset: Reset = reset
        self.surrogate_name = surrogate
        self.surrogate: Surrogate = surrogates.make(surrogate)

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return (
            f"beta={self.beta:g}, v_threshold={self.v_threshold:g}, reset={self.reset}, {self.surrogate_name}"
        )

    def initial_state(self, current: Tensor) -> Tensor:
        """Membrane potentials of zero."""
        return torch.zeros_like(current)

    def step(self, current: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See `SpikingNeuron.step`."""
        h = torch.add((1.0 - self.beta) * current, state, alpha=self.beta)  # rounds once, as `forward` does
        s = spike(h - self.v_threshold, self.surrogate)
        fired = s.detach()
        v = h * (1.0 - fired) if self.reset == "zero" else h - self.v_threshold * fired
        return s, v

    def forward(self, current: Tensor) -> Tensor:
        """See `SpikingNeuron.forward`; one autograd node for the whole time loop."""
        return _MultistepLIF.apply(current, self.beta, self.v_threshold, self.reset, self.surrogate)


def _check(tau: float, reset: str) -> None:
    problems: list[Problem] = []
    if not (isinstance(tau, int | float) and tau >= 1):
        problems.append(Problem("neuron 'lif'.tau", repr(tau), "a number of timesteps of at least 1"))
    if reset not in get_args(Reset):
        rule, cure = one_of(get_args(Reset)), did_you_mean(reset, get_args(Reset))
        problems.append(Problem("neuron 'lif'.reset", repr(reset), rule, cure))
    if problems:
        raise ConfigError(problems)


class _MultistepLIF(torch.autograd.Function):
    """The time loop of `LIF.step` with a hand-written backward: keeps h, builds no graph over time."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, beta: float, threshold: float, reset: Reset, surrogate: Surrogate
    ) -> Tensor:
        h, spikes = torch.empty_like(x), torch.empty_like(x)
        v: Tensor | None = None
        for t in range(x.shape[0]):
            torch.mul(x[t], 1.0 - beta, out=h[t])
            if v is not None:
                h[t].add_(v, alpha=beta)
            torch.ge(h[t], threshold, out=spikes[t])
            v = _after_reset(h[t], spikes[t], threshold, reset)
        ctx.save_for_backward(h)
        ctx.constants = (beta, threshold, reset, surrogate)
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        (h,) = ctx.saved_tensors
        beta, threshold, reset, surrogate = ctx.constants
        (grad_spikes,) = grads
        grad_x = torch.empty_like(h)
        carry: Tensor | None = None
        for t in reversed(range(h.shape[0])):
            grad_h = surrogate.derivative(h[t] - threshold).mul_(grad_spikes[t])
            if carry is not None:
                if reset == "zero":
                    carry.mul_(h[t] < threshold)
                grad_h.add_(carry)
            torch.mul(grad_h, 1.0 - beta, out=grad_x[t])
            carry = grad_h.mul_(beta)
        return grad_x, None, None, None, None


def _after_reset(h: Tensor, spikes: Tensor, threshold: float, reset: Reset) -> Tensor:
    if reset == "zero":
        return torch.addcmul(h, h, spikes, value=-1.0)
    return torch.sub(h, spikes, alpha=threshold)
