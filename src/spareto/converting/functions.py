"""Functions between layers, on all timesteps at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn

OPERATORS: Final = frozenset(
    """
    add sub rsub mul div neg relu sigmoid tanh abs clamp clamp_min clamp_max exp pow square where
    matmul gt ge lt le hardtanh leaky_relu gelu silu elu softplus threshold sqrt floor round sign
    max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d
    max_pool2d_with_indices adaptive_max_pool2d upsample_nearest2d pad constant_pad_nd softmax
    log_softmax _softmax _log_softmax mean sum max amax select slice cat stack
    _adaptive_avg_pool2d detach
    """.split()  # noqa: SIM905 - a list of seventy lines else
)
"""Operators that a function may be; torch has others, that read files."""


@dataclass(frozen=True)
class ArgumentSlot:
    """A place among a function's arguments that a signal takes."""

    index: int


@dataclass(frozen=True)
class Function:
    """An operator of torch; its axes count from the end, so that it fits one timestep and all of them.

    Args:
        name: Name and overload below `torch.ops.aten`.
        args: Its arguments, with slots for signals.
        kwargs: Those by name.
        merged: Whether time and samples must be one axis when it runs.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])
    merged: bool = False

    def __call__(self, *signals: Tensor, time: bool) -> Tensor:
        """Of signals `(time, batch, ...)`, or `(batch, ...)` without time."""
        merge = self.merged and time
        given = [signal.flatten(0, 1) for signal in signals] if merge else list(signals)
        packet, _, overload = self.name.partition(".")
        run = getattr(getattr(torch.ops.aten, packet), overload)
        output = run(*filled(self.args, given), **filled(self.kwargs, given))
        output = output[0] if isinstance(output, tuple) else output
        return output.unflatten(0, signals[0].shape[:2]) if merge else output


@dataclass(frozen=True)
class Reshape:
    """Another shape of each sample.

    Args:
        shape: The shape.
    """

    shape: tuple[int, ...]

    def __call__(self, signal: Tensor, *, time: bool) -> Tensor:
        """Of a signal `(time, batch, ...)`, or `(batch, ...)` without time."""
        return signal.reshape(*signal.shape[: 1 + time], *self.shape)


@dataclass(frozen=True)
class Permute:
    """Another order of each sample's axes.

    Args:
        order: Axes, counted from 0 without time and samples.
    """

    order: tuple[int, ...]

    def __call__(self, signal: Tensor, *, time: bool) -> Tensor:
        """Of a signal `(time, batch, ...)`, or `(batch, ...)` without time."""
        lead = 1 + time
        return signal.permute(*range(lead), *(lead + axis for axis in self.order))


@dataclass(frozen=True)
class ClassMeans:
    """The mean of each class's voters, which stand together.

    Args:
        classes: Number of classes.
    """

    classes: int

    def __call__(self, signal: Tensor, *, time: bool) -> Tensor:
        """`(..., classes x votes)` to `(..., classes)`."""
        return signal.unflatten(-1, (self.classes, -1)).mean(-1)


class Delay(nn.Module):
    """The timestep before; zeros at first."""

    over_time = True

    def forward(self, signal: Tensor) -> Tensor:
        """`(time, batch, ...)` in and out."""
        return torch.cat([torch.zeros_like(signal[:1]), signal[:-1]])


class LateBias(nn.Module):
    """A bias of what comes back: it is there from the second timestep on.

    Args:
        bias: One value per neuron.
    """

    over_time = True

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.bias = nn.Parameter(bias.detach().clone())

    def forward(self, signal: Tensor) -> Tensor:
        """`(time, batch, neurons)` in and out."""
        return torch.cat([signal[:1], signal[1:] + self.bias])


def vote(signal: Tensor, how: str) -> Tensor:
    """`(time, batch, ...)` to `(batch, ...)`: the `mean`, `sum` or `last` of the timesteps, or their maximum.

    Of equal maxima `max` hands the gradient to one, `amax` a part to each, as torch's functions do.
    """
    if how == "last":
        return signal[-1]
    if how == "max":
        return signal.max(0).values
    return {"mean": signal.mean, "sum": signal.sum, "amax": signal.amax}[how](0)


def filled(template: Any, signals: list[Tensor]) -> Any:
    """Arguments with signals in their slots; constants come to the signals' device and type."""
    if isinstance(template, ArgumentSlot):
        return signals[template.index]
    if isinstance(template, Tensor):
        like = signals[0]
        dtype = like.dtype if template.is_floating_point() else template.dtype
        return template.to(like.device, dtype)
    if isinstance(template, dict):
        return {key: filled(value, signals) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return type(template)(filled(value, signals) for value in template)
    return template
