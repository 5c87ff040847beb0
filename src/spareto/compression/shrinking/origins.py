"""Where the channels of a tensor come from, and what operations between layers do to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Origin:
    """The layer whose output channels a tensor still carries.

    Args:
        layer: Name of the layer; empty for the network's input.
        axis: Axis of the channels, counted from the end: 3 of `(batch, channels, height, width)`. After a
            flattening the axis holds the channels one after the other, each with its pixels.
        channels: Number of channels.
        lost: The operation after which nobody knows where the channels are; empty as long as it is known.
    """

    layer: str
    axis: int
    channels: int
    lost: str = ""

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether a tensor of this shape can hold the channels where they are said to be."""
        return len(shape) >= self.axis and shape[-self.axis] % max(1, self.channels) == 0


def after(
    origin: Origin, func: Callable[..., Any], inputs: Tensor, out: Tensor, args: Sequence[Any]
) -> Origin:
    """Where the channels are once an operation is done.

    Args:
        origin: Where they were in `inputs`.
        func: The operation.
        inputs: The one tensor that has an origin.
        out: The operation's result.
        args: Its positional arguments after the tensor, then its keyword values.
    """
    if origin.lost:
        return origin
    axis: int | None = None
    if func in UNCHANGED and out.shape == inputs.shape:
        axis = origin.axis
    elif func in RESHAPED:
        axis = _reshaped(origin, inputs, out)
    elif func in REDUCED:
        axis = _reduced(origin, inputs, out, args)
    elif func is Tensor.__getitem__:
        axis = _indexed(origin, inputs, args)
    elif func in PERMUTED:
        axis = _permuted(origin, inputs, out)
    elif func in JOINED:
        axis = origin.axis if inputs.shape[-origin.axis :] == out.shape[-origin.axis :] else None
    if axis is not None and (moved := replace(origin, axis=axis)).fits(out.shape):
        return moved
    return replace(origin, lost=getattr(func, "__name__", str(func)).strip("_"))


UNCHANGED: Final = {
    *(Tensor.contiguous, Tensor.clone, torch.clone, Tensor.detach, Tensor.float, Tensor.double, Tensor.to),
    *(torch.relu, Tensor.relu, F.relu, F.dropout, Tensor.type_as, Tensor.mul, Tensor.__mul__, torch.mul),
}
RESHAPED: Final = {
    *(Tensor.flatten, torch.flatten, Tensor.unflatten, torch.unflatten, Tensor.reshape, torch.reshape),
    *(
        Tensor.view,
        Tensor.squeeze,
        torch.squeeze,
        Tensor.unsqueeze,
        torch.unsqueeze,
        F.max_pool2d,
        F.avg_pool2d,
    ),
    *(F.adaptive_avg_pool2d, torch.max_pool2d),
}
REDUCED: Final = {Tensor.mean, torch.mean, Tensor.sum, torch.sum}
PERMUTED: Final = {
    *(Tensor.permute, torch.permute, Tensor.transpose, torch.transpose, Tensor.movedim, torch.movedim),
}
JOINED: Final = {torch.stack, torch.cat}


def _reshaped(origin: Origin, inputs: Tensor, out: Tensor) -> int | None:
    """Row-major order stays: the axis that starts as many elements before the end, a channel or more each."""
    if (
        len(inputs.shape) == len(out.shape)
        and inputs.shape[: -origin.axis + 1] == out.shape[: -origin.axis + 1]
    ):
        return origin.axis  # pooling: pixels go, channels stay
    size = math.prod(inputs.shape[-origin.axis :])
    for axis in range(1, len(out.shape) + 1):
        if math.prod(out.shape[-axis:]) == size and out.shape[-axis] % origin.channels == 0:
            return axis
    return None


def _reduced(origin: Origin, inputs: Tensor, out: Tensor, args: Sequence[Any]) -> int | None:
    given = args[0] if args else None
    dims = [given] if isinstance(given, int) else list(given) if isinstance(given, list | tuple) else []
    from_end = [dim if dim < 0 else dim - inputs.dim() for dim in dims]
    if not dims or -origin.axis in from_end:
        return None
    gone = 0 if out.dim() == inputs.dim() else sum(dim > -origin.axis for dim in from_end)
    return origin.axis - gone


def _indexed(origin: Origin, inputs: Tensor, args: Sequence[Any]) -> int | None:
    index = args[0] if isinstance(args[0], tuple) else (args[0],)
    simple = all(isinstance(part, int | slice) for part in index)
    return origin.axis if simple and len(index) <= inputs.dim() - origin.axis else None


def _permuted(origin: Origin, inputs: Tensor, out: Tensor) -> int | None:
    """Only axes before the channels may move: the last ones keep their steps in memory."""
    same = inputs.stride()[-origin.axis :] == out.stride()[-origin.axis :]
    return origin.axis if same and inputs.shape[-origin.axis :] == out.shape[-origin.axis :] else None
