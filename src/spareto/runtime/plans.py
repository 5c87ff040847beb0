"""A layer for the C engine: one struct, and weights packed as narrow as they are."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spareto.integer import Bounds, IntegerLayer, IntegerNeuron
from spareto.integer.network import Ints, Shape
from spareto.runtime import kernels
from spareto.runtime.rows import (
    INT4,
    INT8,
    INT32,
    LIVE_INT4,
    LIVE_INT8,
    LIVE_SIGNS,
    TERNARY,
    WOVEN,
    Form,
    Rows,
    lanes_of,
    pack_rows,
)

MANY_CHANNELS: Final = 64
"""Channels of the input from which on its pixels have spikes enough to add the rows of two at once."""

_SHORT: Final = 32767
_PACKED: Final = (INT8, INT4, TERNARY, WOVEN, LIVE_SIGNS, LIVE_INT4, LIVE_INT8)

_ANY: Final = ("multiplier", "bias")
_SMALL: Final = ("multiplier32", "bias32")

_WORDS: Final = """
in_h in_w in_c in_words in_values out_h out_w out_c out_words out_values kh kw sh sw ph pw dh dw groups
kind lanes stride narrow small state clamps partial few
expands weights masks places starts multiplier bias multiplier32 bias32
shift most decay leak threshold strict keep drop drop_threshold delayed delayed_drop
current i_decay gain gain_shift adaptation a_decay a_scale a_one counts
back_weights back_masks back_starts back_multiplier back_kind back_stride
"""


class Plan(ctypes.Structure):
    """`plan` of `csrc/spikes.h`: 64-bit integers and addresses."""

    _fields_ = tuple((name, ctypes.c_int64) for name in _WORDS.split())


class States(ctypes.Structure):
    """`states` of `csrc/spikes.h`."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in "viasf")


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """A layer, ready to run.

    Args:
        name: Of the layer.
        source: The node it reads.
        struct: For the C engine.
        rows: Its weights.
        kept: Weights and constants that the struct points into.
        states: Names of its states.
        start: Stored potential before the first timestep.
        state_type: Of a stored state.
        feeds_back: Whether its spikes come back.
        shape: Of its output.
    """

    name: str
    source: int
    struct: Plan
    rows: Rows
    kept: tuple[Rows | Ints, ...]
    states: tuple[str, ...]
    start: int
    state_type: Any
    feeds_back: bool
    shape: Shape

    @property
    def lanes(self) -> int:
        """Outputs of a row, padded."""
        return self.struct.lanes

    @property
    def values(self) -> bool:
        """Whether integers come out, not bits."""
        return bool(self.struct.out_values)

    @property
    def bytes(self) -> int:
        """Of its weights and constants in memory."""
        return sum(each.bytes if isinstance(each, Rows) else each.nbytes for each in self.kept)


def words_of(channels: int) -> int:
    """64-bit words that hold one bit per channel."""
    return -(-channels // 64)


def plan_layer(
    layer: IntegerLayer, shape: Shape, most: int, bound: Bounds, form: Form = "whole"
) -> LayerPlan:
    """Pack a layer.

    Args:
        layer: The layer.
        shape: Of its input.
        most: Largest integer of its input.
        bound: Its bounds, proven.
        form: How rows are kept.
    """
    synapses, neuron = layer.synapses, layer.neuron
    out = synapses.output_shape(shape)
    weights = synapses.weights
    if synapses.flat:
        weights = weights.reshape(len(weights), *shape)
    largest = int(np.abs(weights).max(initial=0))
    short = most == 1 and min(bound.sums, shape[0] * largest) <= _SHORT
    rows = pack_rows(weights, synapses.groups, form, woven=short and shape[0] >= MANY_CHANNELS)
    lanes = lanes_of(out[0])
    simple = neuron.states == ("v",) and neuron.counts is None and layer.feedback is None
    small = simple and bound.wide < 2**31
    spikes = most == 1 and synapses.groups == 1
    narrow = spikes and bound.sums <= _SHORT and rows.kind != INT32 and rows.places is None
    bits = spikes and rows.kind in _PACKED and rows.places is None
    partial = bits and shape[0] * largest <= _SHORT
    factor, bias = (_padded(each, lanes) for each in (layer.multiplier, layer.bias))
    if small:  # the leak and what rounds a shift are added beforehand
        whole = bias + neuron.leak + ((1 << neuron.shift) >> 1)
        factor, bias = factor.astype(np.int32), whole.astype(np.int32)
    constants = dict(zip(_SMALL if small else _ANY, map(_address, (factor, bias)), strict=True))
    kept: list[Rows | Ints] = [rows, factor, bias]
    struct = Plan(
        in_h=shape[1], in_w=shape[2], in_c=shape[0], in_words=words_of(shape[0]), in_values=most > 1,
        out_h=out[1], out_w=out[2], out_c=out[0], out_words=words_of(out[0]),
        out_values=neuron.counts is not None, kind=rows.kind, lanes=lanes, stride=rows.stride, narrow=narrow,
        small=small, state=2 if neuron.bits <= 16 else 4,
        clamps=bound.potential is None or bound.potential > neuron.most,
        partial=partial, few=few_spikes(weights) if bits and not narrow else 0, expands=kernels.expands(),
        places=_address(rows.places), **_rows(rows), **constants,
        **_geometry(synapses, weights), **_neuron(neuron),
    )  # fmt: skip
    if layer.feedback is not None:
        back = pack_rows(layer.feedback.synapses.weights, 1, "whole" if form == "whole" else "live")
        times = _padded(layer.feedback.multiplier, lanes)
        kept += [back, times]
        struct.back_multiplier, struct.back_kind, struct.back_stride = _address(times), back.kind, back.stride
        for name, address in _rows(back).items():
            setattr(struct, f"back_{name}", address)
    state_type = np.int16 if neuron.bits <= 16 else np.int32
    return LayerPlan(
        layer.name, layer.source, struct, rows, tuple(kept), neuron.states, neuron.start, state_type,
        layer.feedback is not None, out,
    )  # fmt: skip


def few_spikes(weights: Ints) -> int:
    """Spikes of a window whose sums fit in 16 bits, whichever they are: the largest weights of an output.

    Args:
        weights: Of -128 to 127, outputs first.
    """
    rows, found = weights.reshape(len(weights), -1), weights[0].size
    for signed in (rows, -rows):
        largest = np.sort(np.maximum(signed, 0).astype(np.uint8), axis=1)[:, ::-1]
        fitting = (np.cumsum(largest, axis=1, dtype=np.int64) <= _SHORT).sum(1)
        found = min(found, int(fitting.min()))
    return found


def _address(values: Ints | None) -> int:
    return 0 if values is None else values.ctypes.data


def _rows(rows: Rows) -> dict[str, int]:
    names = ("weights", "starts", "masks")
    return dict(zip(names, map(_address, (rows.content, rows.starts, rows.masks)), strict=True))


def _geometry(synapses: Any, weights: Ints) -> dict[str, int]:
    names = ("kh", "kw", "sh", "sw", "ph", "pw", "dh", "dw", "groups")
    sides = (*weights.shape[2:], *synapses.stride, *synapses.padding, *synapses.dilation, synapses.groups)
    return dict(zip(names, map(int, sides), strict=True))


def _neuron(neuron: IntegerNeuron) -> dict[str, int]:
    current, adaptation = neuron.current, neuron.adaptation
    found = {
        name: int(getattr(neuron, name))
        for name in (
            "shift",
            "most",
            "decay",
            "leak",
            "threshold",
            "strict",
            "keep",
            "drop",
            "drop_threshold",
        )
    }
    found |= {"delayed": 0 if neuron.delayed is None else 1 + neuron.delayed, "counts": neuron.counts or 0}
    found["delayed_drop"] = neuron.delayed_drop
    if current is not None:
        found |= {
            "current": 1,
            "i_decay": current.decay,
            "gain": current.gain,
            "gain_shift": current.gain_shift,
        }
    if adaptation is not None:
        found |= {"adaptation": 1, "a_decay": adaptation.decay, "a_scale": adaptation.scale}
        found["a_one"] = adaptation.one
    return found


def _padded(values: Ints, lanes: int) -> Ints:
    return np.pad(values.astype(np.int64), (0, lanes - len(values)))
