"""What a spiking layer refuses, before a kernel reads memory by its shape.

Nothing is computed but a few integers; all of it can be traced.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from spareto.core.errors import Problem, ShapeError
from spareto.kernels.spikes import Spikes
from spareto.layers._geometry import Sides, output_size, pair


def check_block(conv: nn.Conv2d, pool: nn.Module | None, sequence: Tensor | Spikes, weight: Tensor) -> None:
    """Check that a convolution block can take a sequence.

    Args:
        conv: Its convolution.
        pool: Its pooling, or None.
        sequence: Shape `(time, batch, channels, height, width)`.
        weight: The convolution's weight.

    Raises:
        ShapeError: Other axes, channels or values, or maps too small for its windows; all are named.
    """
    where, shape = f"layer 'spiking_block' ({conv.in_channels} > {conv.out_channels})", sequence.shape
    if len(shape) != 5:
        raise _axes(where, sequence, "(time, batch, channels, height, width)")
    if shape[2] == conv.in_channels and _same_type(sequence, weight) and _fits(conv, pool, shape[3:]):
        return
    problems = _types(where, sequence, weight) + _maps(where, conv, pool, tuple(shape[3:]))
    if shape[2] != conv.in_channels:
        got, rule = f"{shape[2]} channels", f"{conv.in_channels}, those of its convolution"
        problems.insert(0, Problem(where, got, rule, "Build it for as many."))
    raise ShapeError(problems)


def check_dense(linear: nn.Linear, sequence: Tensor | Spikes, weight: Tensor) -> None:
    """Check that a dense layer can take a sequence.

    Args:
        linear: Its connections.
        sequence: Shape `(time, batch, ...)`.
        weight: The connections' weight.

    Raises:
        ShapeError: Other axes, features or values; all are named.
    """
    where, shape = f"layer 'spiking_dense' ({linear.in_features} > {linear.out_features})", sequence.shape
    if len(shape) < 3:
        raise _axes(where, sequence, "(time, batch, features), or (time, batch, channels, height, width)")
    features = math.prod(shape[2:])
    if features == linear.in_features and _same_type(sequence, weight):
        return
    problems = _types(where, sequence, weight)
    if features != linear.in_features:
        got = f"{features} features" + (f", {tuple(shape[2:])}" if len(shape) > 3 else "")
        rule = f"{linear.in_features}, the inputs of its connections"
        problems.insert(0, Problem(where, got, rule, "Build it for as many."))
    raise ShapeError(problems)


def _axes(where: str, sequence: Tensor | Spikes, rule: str) -> ShapeError:
    got = f"a sequence of shape {tuple(sequence.shape)}"
    return ShapeError(Problem(where, got, f"axes {rule}", "Put the timesteps first."))


def _values(sequence: Tensor | Spikes) -> Tensor:
    """A tensor of the values' type: spikes are as their gradient."""
    return sequence.carrier if isinstance(sequence, Spikes) else sequence


def _same_type(sequence: Tensor | Spikes, weight: Tensor) -> bool:
    found = _values(sequence)
    if found.dtype is weight.dtype:
        return True
    widths = found.is_floating_point() and torch.float64 not in (found.dtype, weight.dtype)
    return widths and torch.is_autocast_enabled(found.device.type)  # which brings them together


def _types(where: str, sequence: Tensor | Spikes, weight: Tensor) -> list[Problem]:
    if _same_type(sequence, weight):
        return []
    found = _values(sequence)
    if not found.is_floating_point():
        return [Problem(where, str(found.dtype), "floating-point values", "Call .float() on them.")]
    rule = f"{weight.dtype}, as its weights are"
    return [Problem(where, str(found.dtype), rule, f"Call .to({weight.dtype}) on them.")]


def _fits(conv: nn.Conv2d, pool: nn.Module | None, sides: Sides) -> bool:
    behind = output_size(conv, *sides)
    return min(behind) >= 1 and min(_behind_pool(pool, behind)) >= 1


def _maps(where: str, conv: nn.Conv2d, pool: nn.Module | None, sides: Sides) -> list[Problem]:
    behind, cure = output_size(conv, *sides), "Feed larger maps, or use fewer or smaller layers."
    if min(behind) < 1:
        rule = f"maps that a {_by(conv.kernel_size)} kernel fits in"
        return [Problem(where, f"maps of {_by(sides)}", rule, cure)]
    if min(_behind_pool(pool, behind)) < 1:
        assert isinstance(pool, nn.MaxPool2d | nn.AvgPool2d)
        rule = f"maps that a pooling window of {_by(pair(pool.kernel_size))} fits in"
        return [Problem(where, f"maps of {_by(behind)} behind its convolution", rule, cure)]
    return []


def _behind_pool(pool: nn.Module | None, sides: Sides) -> Sides:
    """Height and width behind a pooling; as they came for one without a fixed window."""
    if not isinstance(pool, nn.MaxPool2d | nn.AvgPool2d):
        return sides
    dilations = pair(pool.dilation) if isinstance(pool, nn.MaxPool2d) else (1, 1)
    windows = zip(
        *(sides, pair(pool.kernel_size), pair(pool.stride), pair(pool.padding), dilations), strict=True
    )
    return tuple(
        (side + 2 * pad - dilation * (kernel - 1) - 1 + (step - 1) * pool.ceil_mode) // step + 1
        for side, kernel, step, pad, dilation in windows
    )


def _by(sides: Sides) -> str:
    return " x ".join(map(str, sides))
