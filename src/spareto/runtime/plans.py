"""A layer for the C engine: one struct, and weights packed as narrow as they are."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spareto.integer import Bounds, IntegerLayer, IntegerNeuron
from spareto.integer.network import Ints, Shape
from spareto.runtime import kernels
from spareto.runtime.lines import laid

INT8, INT4, TERNARY, INT16, INT32, WOVEN = range(6)
"""How a weight lies in memory; the order of `csrc/spikes.h`."""

LIVE_SHARE: Final = 0.02
"""Share of live weights below which a layer of one output pixel keeps their places instead of whole rows.

Where rows are added to many pixels, whole rows are always faster: `python -m benchmarks.deploying live`.
"""

MANY_CHANNELS: Final = 64
"""Channels of the input from which on its pixels have spikes enough to add the rows of two at once."""

_SHORT: Final = 32767
_INTEGERS: Final[dict[int, Any]] = {INT8: np.int8, INT16: np.int16, INT32: np.int32}

_WORDS: Final = """
in_h in_w in_c in_words in_values out_h out_w out_c out_words out_values kh kw sh sw ph pw dh dw groups
kind lanes stride narrow small state clamps partial few
weights starts places multiplier bias multiplier32 bias32
shift most decay leak threshold strict keep drop drop_threshold delayed delayed_drop
current i_decay gain gain_shift adaptation a_decay a_scale a_one counts
back_weights back_multiplier back_kind back_stride
"""


class Plan(ctypes.Structure):
    """`plan` of `csrc/spikes.h`: 64-bit integers and addresses."""

    _fields_ = tuple((name, ctypes.c_int64) for name in _WORDS.split())


class States(ctypes.Structure):
    """`states` of `csrc/spikes.h`."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in "viasf")


@dataclass(frozen=True)
class Rows:
    """Weights in memory: one row per input of a tap, outputs side by side.

    Args:
        content: The rows.
        kind: How a weight lies in them.
        stride: Bytes of a row.
        starts: Where each row's live weights begin, if only these are kept.
        places: Their outputs.
    """

    content: Ints
    kind: int
    stride: int
    starts: Ints | None = None
    places: Ints | None = None

    @property
    def bytes(self) -> int:
        """All that is kept."""
        return sum(part.nbytes for part in (self.content, self.starts, self.places) if part is not None)


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """A layer, ready to run.

    Args:
        name: Of the layer.
        source: The node it reads.
        struct: For the C engine.
        rows: Its weights.
        kept: Arrays that the struct points into.
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
    kept: tuple[Any, ...]
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


def words_of(channels: int) -> int:
    """64-bit words that hold one bit per channel."""
    return -(-channels // 64)


def plan_layer(
    layer: IntegerLayer, shape: Shape, most: int, bound: Bounds, *, live: bool | None = None
) -> LayerPlan:
    """Pack a layer.

    Args:
        layer: The layer.
        shape: Of its input.
        most: Largest integer of its input.
        bound: Its bounds, proven.
        live: Whether only live weights are kept; left out, where that is faster.
    """
    synapses, neuron = layer.synapses, layer.neuron
    out = synapses.output_shape(shape)
    weights = synapses.weights
    if synapses.flat:
        weights = weights.reshape(len(weights), *shape)
    largest = int(np.abs(weights).max(initial=0))
    short = most == 1 and min(bound.sums, shape[0] * largest) <= _SHORT
    if live is None:
        live = out[1:] == (1, 1) and bool(np.count_nonzero(weights) < LIVE_SHARE * weights.size)
    rows = pack_rows(weights, synapses.groups, live, woven=short and shape[0] >= MANY_CHANNELS)
    lanes = _lanes(out[0])
    simple = neuron.states == ("v",) and neuron.counts is None and layer.feedback is None
    small = simple and bound.wide < 2**31
    narrow = bound.sums <= 32767 and most == 1 and rows.kind != INT32 and synapses.groups == 1
    narrow = narrow and rows.starts is None
    bits = most == 1 and rows.kind in (INT8, INT4, TERNARY, WOVEN) and synapses.groups == 1
    partial = bits and rows.starts is None and shape[0] * largest <= 32767
    factor, bias = (_padded(each, lanes) for each in (layer.multiplier, layer.bias))
    kept: list[Any] = [factor, bias]
    struct = Plan(
        in_h=shape[1], in_w=shape[2], in_c=shape[0], in_words=words_of(shape[0]), in_values=most > 1,
        out_h=out[1], out_w=out[2], out_c=out[0], out_words=words_of(out[0]),
        out_values=neuron.counts is not None, kind=rows.kind, lanes=lanes, stride=rows.stride, narrow=narrow,
        small=small, state=2 if neuron.bits <= 16 else 4,
        clamps=bound.potential is None or bound.potential > neuron.most,
        partial=partial, few=few_spikes(weights) if bits and rows.starts is None and not narrow else 0,
        weights=rows.content.ctypes.data, multiplier=factor.ctypes.data, bias=bias.ctypes.data,
        **_geometry(synapses, weights), **_neuron(neuron),
    )  # fmt: skip
    if small:
        whole = bias + neuron.leak + ((1 << neuron.shift) >> 1)
        short = [each.astype(np.int32) for each in (factor, whole)]
        kept += short
        struct.multiplier32, struct.bias32 = (each.ctypes.data for each in short)
    if rows.starts is not None and rows.places is not None:
        struct.starts, struct.places = rows.starts.ctypes.data, rows.places.ctypes.data
    if layer.feedback is not None:
        back = pack_rows(layer.feedback.synapses.weights, 1, live=False)
        times = _padded(layer.feedback.multiplier, lanes)
        kept += [back, times]
        struct.back_weights, struct.back_multiplier = back.content.ctypes.data, times.ctypes.data
        struct.back_kind, struct.back_stride = back.kind, back.stride
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


def _lanes(outputs: int) -> int:
    return -(-outputs // 32) * 32


def _padded(values: Ints, lanes: int) -> Ints:
    return np.pad(values.astype(np.int64), (0, lanes - len(values)))


def pack_rows(weights: Ints, groups: int, live: bool, *, woven: bool = False) -> Rows:
    """Weights (outputs, inputs of a group, height, width) as rows (height, width, inputs; outputs).

    `live`: only those that are not 0, where their form allows it.
    `woven`: whether two rows of bytes may be added at once.
    """
    if groups > 1:
        outputs = len(weights) // groups
        split = weights.reshape(groups, outputs, *weights.shape[1:])  # (groups, outputs, inputs, h, w)
        rows = split.transpose(3, 4, 0, 2, 1).reshape(-1, outputs)
        kind = _kind(rows, whole=True)
        content = np.ascontiguousarray(rows, _INTEGERS[kind])
        return Rows(laid(content), kind, content.strides[0])
    rows = weights.transpose(2, 3, 1, 0).reshape(-1, len(weights))
    if live and np.abs(rows).max(initial=0) <= 127 and len(weights) <= 65535:
        return _live_rows(rows)
    rows = np.pad(rows, ((0, 0), (0, _lanes(len(weights)) - len(weights))))
    if woven and _kind(rows) == INT8 and rows.shape[1] % kernels.vector_bytes() == 0:
        return _woven_rows(rows, weights.shape[1])
    return _whole_rows(rows, len(weights))


def _kind(rows: Ints, *, whole: bool = False) -> int:
    low, high = int(rows.min(initial=0)), int(rows.max(initial=0))
    if not whole and low >= -1 and high <= 1:
        return TERNARY
    if not whole and low >= -8 and high <= 7 and rows.shape[1] * 2 % (2 * kernels.vector_bytes()) == 0:
        return INT4
    if low >= -128 and high <= 127:
        return INT8
    return INT16 if low >= -32768 and high <= 32767 else INT32


def _live_rows(rows: Ints) -> Rows:
    row, place = np.nonzero(rows)
    starts = np.searchsorted(row, np.arange(len(rows) + 1)).astype(np.int32)
    return Rows(rows[row, place].astype(np.int8), INT8, 1, starts, place.astype(np.uint16))


def _whole_rows(rows: Ints, outputs: int) -> Rows:
    """Rows of whole vectors; where more than half of them were padding, without it but behind the last.

    What a vector then reads of the next row is multiplied by 0: padded lanes have no multiplier.
    """
    kind = _kind(rows)
    if kind in _INTEGERS and 2 * outputs <= rows.shape[1]:
        content = np.pad(rows[:, :outputs].astype(_INTEGERS[kind]).reshape(-1), (0, rows.shape[1] - outputs))
        return Rows(laid(content), kind, outputs * content.itemsize)
    if kind == TERNARY:
        signs = [np.packbits(rows == sign, axis=1, bitorder="little") for sign in (1, -1)]
        content = np.ascontiguousarray(np.concatenate(signs, axis=1))
    elif kind == INT4:
        half = kernels.vector_bytes() // 2
        pairs = rows.astype(np.int8).reshape(len(rows), -1, 2, half)
        both = ((pairs[:, :, 0] & 15) | (pairs[:, :, 1] << 4)).astype(np.int8)
        content = np.ascontiguousarray(both.reshape(len(rows), -1))
    else:
        content = np.ascontiguousarray(rows, _INTEGERS[kind])
    return Rows(laid(content), kind, content.strides[0])


def _woven_rows(rows: Ints, inputs: int) -> Rows:
    """Vectors of bytes, every 16 of them half from the first and half from the second vector of shorts.

    A row of zeros stands behind those of each tap: the second of a pixel's last spike.
    """
    taps = np.pad(rows.astype(np.int8).reshape(-1, inputs, rows.shape[1]), ((0, 0), (0, 1), (0, 0)))
    halves = taps.reshape(-1, 2, kernels.vector_bytes() // 16, 8).transpose(0, 2, 1, 3)
    content = np.ascontiguousarray(halves).reshape(-1, rows.shape[1])
    return Rows(laid(content), WOVEN, content.strides[0])
