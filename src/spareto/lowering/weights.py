"""The integers that a layer's weights are multiples of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from spareto.compression.parametrization import CompressedWeight, compressed_weight, incoming, widened
from spareto.core.errors import ConfigError, Problem
from spareto.integer import network as integer
from spareto.widths import stored_bits, value_in_use
from spareto.widths.levels import step_of

Floats = npt.NDArray[np.float64]
FINEST: Final = 2047
"""Largest integer of levels that are not equidistant: they are rounded to 1 / 2047 of the largest."""

TABLE: Final = 256
"""Entries of a table of levels; wider codes are stored as the integers themselves, with one bit more."""


@dataclass(frozen=True, eq=False)
class Integers:
    """Weights as integers.

    Args:
        values: int32, shape of the weight.
        step: What one unit is in each output channel, float64, shape (outputs,).
        bits: Width of a stored weight.
        levels: See `Synapses.levels`.
        exact: Whether every weight is a whole number of steps, up to the rounding of the float weights.
    """

    values: integer.Ints
    step: Floats
    bits: int
    levels: integer.Ints | None
    exact: bool


@torch.no_grad()
def integers_of(layer: nn.Module, name: str) -> Integers:
    """The integers behind the weights of a convolution or dense layer.

    Args:
        layer: Any layer with a `weight`, output channels first.
        name: Its dotted name, for messages.

    Raises:
        ConfigError: Its weights are floating-point numbers that no quantizer made.
    """
    value = value_in_use(layer, "weight").detach().double().cpu().numpy()
    compression = compressed_weight(layer)
    if compression is not None and compression.quantizer is not None:
        codes, used, levels = _levels(layer, compression)
        bits = compression.quantizer.bits
        live = np.ones(codes.shape, bool) if compression.mask is None else _array(compression.mask) != 0
        found = _of_levels(codes, used, levels, live, bits)
    else:
        found = _of_values(layer, value, name)
    _check(found, value, name)
    return found


def _levels(layer: nn.Module, compression: CompressedWeight) -> tuple[Any, Any, Floats]:
    """Codes, the different ones, and what each of these stands for in each channel: (outputs, codes)."""
    quantizer, weight = compression.quantizer, widened(incoming(layer))
    assert quantizer is not None
    if compression.order == "mask_then_quantize" and compression.mask is not None:
        weight = weight * compression.mask
    codes = quantizer.encode(weight)
    used = torch.unique(codes)
    probe = (len(codes), *[1] * (codes.dim() - 1))
    columns = [
        quantizer.decode(torch.full(probe, int(code), dtype=codes.dtype)).reshape(-1).double()
        for code in used
    ]
    return _array(codes).astype(np.int64), _array(used).astype(np.int64), _array(torch.stack(columns, 1))


def _of_levels(codes: Any, used: Any, levels: Floats, live: Any, bits: int) -> Integers:
    uniform = _uniform(used, levels)
    if uniform is not None:
        offset, step = uniform
        values = (codes - offset.reshape(-1, *[1] * (codes.ndim - 1))) * live
        return _stored(values, step, bits, exact=True)
    steps = [step_of(row, 2.0**-24) for row in levels]
    exact = all(step and np.abs(row).max() <= FINEST * step for step, row in zip(steps, levels, strict=True))
    largest = np.abs(levels).max(1)
    rough = np.where(largest > 0, largest, 1.0) / FINEST
    step = np.array([float(step or 1.0) for step in steps]) if exact else rough
    table = np.rint(levels / step[:, None]).astype(np.int64)
    rows = np.arange(len(codes)).reshape(-1, *[1] * (codes.ndim - 1))
    values = table[rows, np.searchsorted(used, codes)] * live
    return _stored(values, step, bits, exact=exact)


def _uniform(used: Any, levels: Floats) -> tuple[Any, Floats] | None:
    """Zero point and step of each channel, if levels are equidistant; None if they are not."""
    if len(used) == 1:
        step = np.abs(levels[:, 0])
        return used[0] - np.sign(levels[:, 0]).astype(np.int64), np.where(step > 0, step, 1.0)
    step = (levels[:, -1] - levels[:, 0]) / float(used[-1] - used[0])
    zero = used[0] - levels[:, 0] / step
    offset = np.rint(zero)
    fitted = step[:, None] * (used[None] - offset[:, None])
    slack = 1e-5 * np.abs(levels).max(1, keepdims=True)
    return (offset.astype(np.int64), step) if bool(np.all(np.abs(fitted - levels) <= slack)) else None


def _of_values(layer: nn.Module, value: Floats, name: str) -> Integers:
    """From the values alone: those of a baked network."""
    bits, how = stored_bits(layer)
    if bits > 16:
        rule, cure = "integer codes", "Compress it: quantize, or storage_bits: 8 in the recipe."
        raise ConfigError(Problem(f"layer '{name}'", f"{how} weights of {bits} bits", rule, cure))
    rows = value.reshape(len(value), -1)
    whole = step_of(rows.ravel(), 2.0**-24)
    steps = [whole] * len(rows) if whole is not None else [step_of(row, 2.0**-24) for row in rows]
    if any(step is None for step in steps):
        used = np.unique(rows)
        levels = np.broadcast_to(used, (len(rows), len(used)))
        codes = np.searchsorted(used, value)
        return _of_levels(codes, np.arange(len(used)), levels, np.ones(value.shape, bool), bits)
    step = np.array([float(step or 1.0) for step in steps])
    values = np.rint(value / step.reshape(-1, *[1] * (value.ndim - 1))).astype(np.int64)
    return _stored(values, step, bits, exact=True)


def _stored(values: Any, step: Floats, bits: int, *, exact: bool) -> Integers:
    """With a table of levels where the integers do not fit into two's complement."""
    half, levels = 1 << (bits - 1), None
    if values.min() < -half or values.max() >= half:
        rows = [np.unique(row[row != 0]) for row in values.reshape(len(values), -1)]
        common = np.unique(np.concatenate(rows))
        if len(common) <= min(TABLE, 1 << bits):
            levels = common[None]
        elif max(map(len, rows)) <= min(TABLE, 1 << bits):
            longest = max(map(len, rows))
            levels = np.stack([np.pad(row, (0, longest - len(row)), "edge") if len(row) else
                               np.ones(longest, np.int64) for row in rows])  # fmt: skip
        else:
            bits = max(int(-values.min() - 1).bit_length(), int(values.max()).bit_length()) + 1
    if levels is not None and (values == 0).any() and levels.shape[1] < min(TABLE, 1 << bits):
        levels = np.sort(np.concatenate([levels, np.zeros((len(levels), 1), np.int64)], 1), 1)
    table = None if levels is None else levels.astype(np.int32)
    return Integers(values.astype(np.int32), step, bits, table, exact)


def _check(found: Integers, value: Floats, name: str) -> None:
    """Integers times steps are the weights that the network computes with."""
    step = found.step.reshape(-1, *[1] * (value.ndim - 1))
    again = found.values * step
    slack = 1e-5 * max(float(np.abs(value).max()), 1e-30) + (0.0 if found.exact else 0.5) * np.abs(step)
    if bool(np.any(np.abs(again - value) > slack)):
        got = "weights with several steps in one output channel, as of crossbar tiles"
        rule = "one step for the layer, or one for each output channel"
        cure = "Call spareto.bake(network) first: the weights then get codes of their own."
        raise ConfigError(Problem(f"layer '{name}'", got, rule, cure))


def _array(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy()
