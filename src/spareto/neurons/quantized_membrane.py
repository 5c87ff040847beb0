"""Any neuron, with its state in a few levels of a range that is found in training."""

from __future__ import annotations

from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.core.options import Positive
from spareto.neurons._family import Wrapped
from spareto.neurons._fixed_point import stored
from spareto.neurons._storing import StateBits, StoringNeuron

Range = Literal["learned", "running", "batch"]
Squash = Literal["none", "tanh"]
SMALLEST: Final = 1e-6
"""Least range: membranes that are all zero would divide by zero."""

MOMENTUM: Final = 0.1
"""Share of a batch's range in the running one, as in batch norms."""


class QuantizedMembrane(StoringNeuron):
    """Runs a neuron's own step, then stores its state in whole shares of a range `α`.

        s[t], u[t] = neuron.step(x[t], v[t-1])
        v[t] = (α / n) · round(clamp(n · u[t] / α, −n, n))       n = 2^(bits−1) − 1

    With 2 bits a membrane is −α, 0 or α. The gradient passes straight through the rounding, and not at all
    where the state saturates. Where `α` comes from:

        learned   trained with the weights, one a layer; starts at the firing level. Fused kernels.
        running   a mean of the largest `|u|` of the training batches. Trains by steps; in evaluation it
                  stands still and runs in the fused kernels.
        batch     the largest `|u|` of each timestep's batch, in evaluation, too: what a sample gives depends
                  on the others of its batch. For reproducing published code only. Runs by steps.

    Args:
        neuron: Name of the neuron, or the neuron itself.
        bits: Width of one stored state variable, 2..16.
        range: Where the range comes from.
        squash: `tanh` stores `tanh(u)` in place of `u`, as its authors' code does; runs by steps.
        start: Range before training, above 0; left out, the neuron's firing level, or 1 where it has none.
        options: What the named neuron's constructor takes.

    Raises:
        ConfigError: A parameter is not allowed; all are named.
        UnknownName: No neuron has that name.

    Reference:
        wei2024 (Q-SNN), equations 8 to 10: `α` is the layer's maximum; esser2020: its gradient if learned.
    """

    def __init__(
        self,
        neuron: Wrapped = "lif",
        bits: StateBits = 2,
        range: Range = "learned",
        squash: Squash = "none",
        start: Positive | None = None,
        **options: Any,
    ) -> None:
        super().__init__(neuron, bits, options)
        self.range: Range = range
        self.squash: Squash = squash
        level = getattr(self.neuron, "v_threshold", None) if start is None else start
        first = torch.tensor(float(level) if isinstance(level, int | float) and level > 0 else 1.0)
        if range == "learned":
            self.log_range = nn.Parameter(first.log())
        elif range == "running":
            self.register_buffer("seen", first)
            self.register_buffer("peak", torch.zeros(()))  # of the last batch, not yet in `seen`
        self.observes = range == "running"

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"bits={self.bits}, range={self.range}" + (", squash=tanh" if self.squash == "tanh" else "")

    @override
    def state_step(self) -> Tensor | None:
        if self.range == "learned":
            return self.log_range.exp().clamp_min(SMALLEST) / self.most
        return None if self.range == "batch" else self.get_buffer("seen").clamp_min(SMALLEST) / self.most

    @override
    def dynamics(self) -> Any:
        by_steps = self.squash == "tanh" or (self.range == "running" and self.training)
        return None if by_steps else super().dynamics()

    @override
    def forward(self, current: Tensor) -> Tensor:
        self._take_in()
        return super().forward(current)

    @override
    def run(self, current: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        self._take_in()
        return super().run(current, state)

    @torch.no_grad()
    def _take_in(self) -> None:
        """The last batch's peak joins the running range; not where a layer is only computed again."""
        if self.observes and self.training and self.range == "running":
            seen, peak = self.get_buffer("seen"), self.get_buffer("peak")
            if bool(peak > 0):
                seen.lerp_(peak, MOMENTUM)
            peak.zero_()

    @override
    def _stored(self, state: Any) -> Any:
        return self._each(state, self._kept)

    def _kept(self, part: Any) -> Any:
        if not isinstance(part, Tensor):
            return tuple(map(self._kept, part))
        value = part.tanh() if self.squash == "tanh" else part
        if self.range == "running" and self.training:
            peak = self.get_buffer("peak")
            torch.maximum(peak, _largest(value).to(peak.dtype), out=peak)
        step = self.state_step()
        return stored(value, _largest(value) / self.most if step is None else step, self.most)


def _largest(value: Tensor) -> Tensor:
    """Largest magnitude, at least `SMALLEST`: also of no values, or of zeros only."""
    magnitude = value.detach().abs()
    return (magnitude.amax() if magnitude.numel() else magnitude.new_zeros(())).clamp_min(SMALLEST)
