"""The family of recurrences that every fused kernel runs; a neuron in it runs on all kernels.

    i[t]     = alpha · i[t-1] + x[t]                                     with a synaptic current; else i = x
    q[t]     = beta · v[t-1] + gain · i[t] + bias
    h[t]     = q[t], or delayed_keep · q[t] − delayed_drop after a spike at t-1
    theta[t] = v_threshold + adapt_scale · a[t-1]
    s[t]     = h[t] >= theta[t], or h[t] > theta[t] if strict
    a[t]     = adapt_decay · a[t-1] + s[t]
    v[t]     = h[t], or keep · h[t] − (drop + drop_theta · theta[t]) after a spike at t
    v, i, a  = state_step · round(clamp(v / state_step, −state_most, state_most)), i and a alike,
               where the state is stored: what the next timestep finds

Mirrored by `csrc/neuron.h`: the fields of `COEFFICIENTS` and the flags stand in the same order there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from torch import Tensor


class Flag:
    """What of the family a neuron uses; plain integers, for they are tested on every call."""

    CURRENT: Final = 1
    ADAPTIVE: Final = 2
    DELAYED: Final = 4
    STRICT: Final = 8
    ATTACHED: Final = 16
    LEARNED: Final = 32
    STORED: Final = 128
    LAST: Final = 64  # the state after the last timestep is wanted; of no concern to the loops in C


COEFFICIENTS: Final = (
    *("alpha", "beta", "gain", "bias", "v_threshold", "adapt_decay", "adapt_scale"),
    *("delayed_keep", "delayed_drop", "keep", "drop", "drop_theta", "v_start", "slope", "height"),
    *("state_step", "state_rate", "state_most"),
)
LEARNABLE: Final = (*COEFFICIENTS[:7], "state_step")


@dataclass(frozen=True)
class Dynamics:
    """Coefficients of one layer of neurons.

    Args:
        beta: Share of the membrane potential kept over a timestep; a scalar tensor where it is learned.
        gain: Factor of the input; a scalar tensor where it is learned.
        bias: What is added every timestep: the pull towards a leak potential other than 0.
        alpha: Share of the synaptic current kept; None without one.
        v_threshold: Firing level without spikes before.
        adapt_decay: Share of the adaptation kept; None for a fixed threshold.
        adapt_scale: What a unit of adaptation adds to the threshold.
        keep: 1 if the reset starts from the potential, 0 if it forgets it.
        drop: What a spike subtracts from the potential.
        drop_theta: Share of the threshold a spike subtracts from the potential.
        delayed_keep: As `keep`, one timestep later; None without a delayed reset.
        delayed_drop: As `drop`, one timestep later.
        strict: Fires above the threshold, not at it.
        attached: The gradient also flows through the reset.
        surrogate: Number of the surrogate in the kernels; None if they do not have it.
        slope: Factor of the distance to the threshold inside the surrogate's derivative.
        height: Value of the surrogate's derivative at the threshold.
        v_start: Membrane potential before the first timestep, as it is stored.
        state_step: What the state is kept in whole steps of; None where it is kept as it is.
        state_most: Largest number of steps either way.
    """

    beta: float | Tensor
    gain: float | Tensor
    surrogate: int | None
    slope: float
    height: float
    bias: float | Tensor = 0.0
    alpha: float | Tensor | None = None
    v_threshold: float = 1.0
    adapt_decay: float | None = None
    adapt_scale: float = 0.0
    keep: int = 0
    drop: float = 0.0
    drop_theta: float = 0.0
    delayed_keep: int | None = None
    delayed_drop: float = 0.0
    strict: bool = False
    attached: bool = False
    v_start: float = 0.0
    state_step: float | Tensor | None = None
    state_most: int = 0

    @property
    def learned(self) -> bool:
        """Whether a coefficient is a tensor, so that the kernels must return its gradient."""
        return any(isinstance(getattr(self, name), Tensor) for name in LEARNABLE)

    @property
    def flags(self) -> int:
        """What the kernels are specialised on, see `Flag`."""
        return (
            Flag.CURRENT * (self.alpha is not None)
            | Flag.ADAPTIVE * (self.adapt_decay is not None)
            | Flag.DELAYED * (self.delayed_keep is not None)
            | Flag.STRICT * self.strict
            | Flag.ATTACHED * self.attached
            | Flag.LEARNED * self.learned
            | Flag.STORED * (self.state_step is not None)
        )

    def coefficients(self, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
        """The array the kernels read, shape `(18,)`; differentiable where a coefficient is learned."""
        if torch.compiler.is_compiling():
            return self._stack(dtype, device)
        if not self.learned:
            return _constants(self, dtype, device)
        learned = {name: value for name in LEARNABLE if isinstance(value := getattr(self, name), Tensor)}
        numbers = dict.fromkeys(learned, 1.0)  # in place of tensors; any would do
        fixed = _constants(replace(self, **numbers), dtype, device).unbind()
        parts = dict(
            zip(COEFFICIENTS, fixed, strict=True)
        )  # on a GPU each fresh number would be a copy there
        parts |= {name: value.to(device, dtype) for name, value in learned.items()}
        if isinstance(self.state_step, Tensor):
            parts["state_rate"] = 1.0 / parts["state_step"].detach()
        return torch.stack(list(parts.values()))

    def _stack(self, dtype: torch.dtype, device: torch.device | None) -> Tensor:
        values = [self._value(name) for name in COEFFICIENTS]
        if not self.learned:
            return torch.tensor(values, dtype=dtype, device=device)
        return torch.stack([torch.as_tensor(value, dtype=dtype, device=device) for value in values])

    def _value(self, name: str) -> float | Tensor:
        if name == "state_rate":
            return rate_of(self.state_step)
        value = getattr(self, name)
        absent = {"alpha": 0.0, "adapt_decay": 0.0, "delayed_keep": 1.0, "state_step": 0.0}
        return absent[name] if value is None else value


def rate_of(step: float | Tensor | None) -> float | Tensor:
    """Steps a unit, in single precision where the step is a plain number: what every kernel multiplies by."""
    if isinstance(step, Tensor):
        return 1.0 / step.detach()
    return 0.0 if step is None else float(np.float32(1.0) / np.float32(step))


@lru_cache(maxsize=256)
def _constants(dynamics: Dynamics, dtype: torch.dtype, device: torch.device | None) -> Tensor:
    """Made once for each kind of neuron in use; never written to."""
    with torch.inference_mode(False):  # else a network that was evaluated first could not be trained
        return dynamics._stack(dtype, device)
