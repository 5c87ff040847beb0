"""Running a network on data: the argument `run` of `compress`, `calibrate`, `fold_batch_norm`, `shrink`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem

Call = Callable[[nn.Module], Any]
Run = Tensor | Call
"""Frames, or a function that runs a network on some, resetting its state first where it has any.

Steps that look at gradients need a function, and what it returns is the loss.
"""


def bound(run: Run, network: nn.Module) -> Callable[[], Any]:
    """Runs that network when it is called."""
    return partial(network, run) if isinstance(run, Tensor) else partial(run, network)


def loss_of(value: Any, asks: str) -> Tensor:
    """What a run returned, if it is a loss.

    Args:
        value: What it returned.
        asks: Who needs the loss: `pruner 'snip'`.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, Tensor) and value.numel() == 1 and value.requires_grad:
        return value
    got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
    rule = f"a function that returns the loss, one number, for {asks} takes gradients of it"
    raise ConfigError(Problem("run", got, rule, "Pass run=lambda network: loss(network(frames), labels)."))
