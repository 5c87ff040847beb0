"""Layers of NIR as layers of torch, and what they do to a shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from spareto.interchange.nir.tree import Tree

Refuse = Callable[[str, str, str, str], None]
"""Notes a problem: parameter, value, rule, cure."""


def layer_of(node: Tree, shape: tuple[int, ...], refuse: Refuse) -> nn.Module | None:
    """The layer of a node that is given signals of a shape; None of a node that is no layer, or is refused.

    Args:
        node: The node.
        shape: Of one sample at one timestep.
        refuse: Hears what is wrong.
    """
    make = LAYERS.get(node.kind)
    return None if make is None else make(node, shape, refuse)


def array(node: Tree, name: str, refuse: Refuse, dims: int) -> Tensor | None:
    """A parameter of numbers, in single precision; None if it is none, which is refused."""
    value = node.values.get(name)
    numeric = isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
    if value is None or not numeric or value.ndim != dims or not value.size:
        got = "nothing" if value is None else f"an array of shape {np.shape(value)}"
        refuse(name, got, f"numbers on {dims} axes", "Write the file again.")
        return None
    with np.errstate(over="ignore"):
        single = value.astype(np.float32)
    if not np.isfinite(single).all():
        refuse(name, "a number that is not finite", "finite ones", "Train the network again.")
        return None
    return torch.from_numpy(np.ascontiguousarray(single).copy())


def _affine(node: Tree, shape: tuple[int, ...], refuse: Refuse) -> nn.Module | None:
    weight = array(node, "weight", refuse, 2)
    bias = array(node, "bias", refuse, 1) if node.kind == "Affine" else None
    if weight is None or (bias is None) != (node.kind == "Linear"):
        return None
    if shape != (weight.shape[1],) or (bias is not None and len(bias) != len(weight)):
        got = f"weights of shape {tuple(weight.shape)} on signals of shape {shape}"
        refuse("", got, "a column a signal, and a bias a row", "Flatten the signal first.")
        return None
    return _loaded(nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta"), weight, bias)


def _conv(node: Tree, shape: tuple[int, ...], refuse: Refuse) -> nn.Module | None:
    axes = 2 if node.kind == "Conv2d" else 1
    weight, bias = array(node, "weight", refuse, 2 + axes), None
    if node.values.get("bias") is not None:
        bias = array(node, "bias", refuse, 1)
        if bias is None:
            return None
    if weight is None:
        return None
    said = {key: _sides(node, key, axes, refuse, default) for key, default in _GEOMETRY}
    groups = _sides(node, "groups", 1, refuse, 1)
    if groups is None or any(value is None for value in said.values()):
        return None
    pads = said["padding"] if isinstance(said["padding"], tuple) else ()
    spans = [step * (side - 1) + 1 for step, side in zip(said["dilation"], weight.shape[2:], strict=True)]
    if any(pad >= span for pad, span in zip(pads, spans, strict=False)):
        refuse("padding", str(pads), f"less than the kernel's reach, {spans}", "Pad less.")
        return None
    inputs, outputs = weight.shape[1] * groups[0], weight.shape[0]
    if (
        len(shape) != 1 + axes
        or shape[0] != inputs
        or outputs % groups[0]
        or (bias is not None and len(bias) != outputs)
    ):
        got = f"weights of shape {tuple(weight.shape)} in {groups[0]} groups on signals of shape {shape}"
        refuse("", got, f"signals of {inputs} channels on {axes} more axes", "Write the file again.")
        return None
    kind: Any = nn.Conv2d if axes == 2 else nn.Conv1d
    made = kind(inputs, outputs, tuple(weight.shape[2:]), **said, groups=groups[0], bias=bias is not None,
                device="meta")  # fmt: skip
    return _loaded(made, weight, bias)


_GEOMETRY: Final = (("stride", 1), ("padding", 0), ("dilation", 1))


def _pool(node: Tree, shape: tuple[int, ...], refuse: Refuse) -> nn.Module | None:
    kernel = _sides(node, "kernel_size", 2, refuse, None)
    stride = _sides(node, "stride", 2, refuse, None)
    padding = _sides(node, "padding", 2, refuse, 0)
    if kernel is None or stride is None or padding is None:
        return None
    if len(shape) != 3 or any(2 * pad > side for pad, side in zip(padding, kernel, strict=True)):
        refuse("", f"a pooling {kernel} with padding {padding} of signals {shape}", "of images", "")
        return None
    return nn.AvgPool2d(kernel, stride, padding, divisor_override=1 if node.kind == "SumPool2d" else None)


def _sides(node: Tree, name: str, count: int, refuse: Refuse, default: int | None) -> Any:
    """Whole numbers of an axis each, or the text `same` or `valid`; None if refused."""
    value = node.values.get(name)
    if value is None and default is not None:
        return (default,) * count
    if name == "padding" and isinstance(value, str) and value in ("same", "valid"):
        return value
    least = 0 if name == "padding" else 1
    flat = np.asarray([] if value is None or isinstance(value, str) else value).reshape(-1)
    whole = flat.dtype.kind in "iuf" and flat.size in (1, count) and np.all(np.mod(flat, 1) == 0)
    if not whole or not np.all((flat >= least) & (flat <= 1 << 16)):
        got = "nothing" if value is None else str(value)[:60]
        refuse(name, got, f"a whole number from {least} an axis", "Write the file again.")
        return None
    return tuple(int(side) for side in (flat if flat.size == count else [flat[0]] * count))


LAYERS: Final[dict[str, Callable[[Tree, tuple[int, ...], Refuse], nn.Module | None]]] = {
    "Affine": _affine,
    "Linear": _affine,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
}


def flattened(node: Tree, shape: tuple[int, ...], refuse: Refuse) -> tuple[int, ...]:
    """The shape behind a `Flatten`, whose axes count from the first of a sample."""
    ends = _axis(node, "start_dim", 1), _axis(node, "end_dim", -1)
    if None in ends:
        refuse("start_dim", str(node.values)[:60], "whole numbers", "Write the file again.")
        return shape
    rank = len(shape)
    start, end = (axis + rank if axis < 0 else axis for axis in ends if axis is not None)
    if not 0 <= start <= end < rank:
        if rank == 1 and ends[0] in (0, 1):
            return shape
        refuse("", f"axes {ends[0]} to {ends[1]} of signals {shape}", "axes that they have", "")
        return shape
    return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


def _axis(node: Tree, name: str, default: int) -> int | None:
    value = node.values.get(name)
    if value is None:
        return default
    flat = np.asarray([] if isinstance(value, str) else value).reshape(-1)
    whole = flat.dtype.kind in "iuf" and flat.size == 1 and abs(float(flat[0])) < 100 and flat[0] % 1 == 0
    return int(flat[0]) if whole else None


def _loaded(layer: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    layer.weight = nn.Parameter(weight)
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer
