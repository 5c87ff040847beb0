"""Rows of weights in memory: whole and as narrow as they are, or without their zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np

from spareto.integer.network import Ints
from spareto.runtime import kernels
from spareto.runtime.lines import LINE, laid

INT8, INT4, TERNARY, INT16, INT32, WOVEN, LIVE_SIGNS, LIVE_INT4, LIVE_INT8 = range(9)
"""How a weight lies in memory; the order of `csrc/spikes.h`."""

Form = Literal["whole", "live", "places"]
"""Whole rows; the live weights and a bit for every weight; or the live weights and their places."""

BLOCK: Final = 256
"""Weights among which a byte says a place."""

FORMS: Final[tuple[Form, ...]] = get_args(Form)

_INTEGERS: Final[dict[int, Any]] = {INT8: np.int8, INT16: np.int16, INT32: np.int32}


@dataclass(frozen=True)
class Rows:
    """Weights in memory: one row per input of a tap, outputs side by side.

    Args:
        content: The rows, or their live weights.
        kind: How a weight lies in them.
        stride: Bytes of a whole row.
        masks: Which weights are live, a bit each; those of all rows lie behind each other.
        places: Of live weights, within blocks of 256 weights.
        starts: Live weights before each word of `masks`, or before each block.
    """

    content: Ints
    kind: int
    stride: int
    masks: Ints | None = None
    places: Ints | None = None
    starts: Ints | None = None

    @property
    def bytes(self) -> int:
        """All that is kept."""
        parts = (self.content, self.starts, self.places, self.masks)
        return sum(part.nbytes for part in parts if part is not None)


def lanes_of(outputs: int) -> int:
    """Outputs of a row, padded."""
    return -(-outputs // 32) * 32


def pack_rows(weights: Ints, groups: int, form: Form = "whole", *, woven: bool = False) -> Rows:
    """Weights (outputs, inputs of a group, height, width) as rows (height, width, inputs; outputs).

    Args:
        weights: The weights.
        groups: Groups of channels; those of more than one stay whole.
        form: How rows are kept; those of wider weights stay whole.
        woven: Whether two rows of bytes may be added at once.
    """
    if groups > 1:
        outputs = len(weights) // groups
        split = weights.reshape(groups, outputs, *weights.shape[1:])  # (groups, outputs, inputs, h, w)
        rows = split.transpose(3, 4, 0, 2, 1).reshape(-1, outputs)
        kind = _kind(rows, whole=True)
        content = np.ascontiguousarray(rows, _INTEGERS[kind])
        return Rows(laid(content), kind, content.strides[0])
    rows = weights.transpose(2, 3, 1, 0).reshape(-1, len(weights))
    in_bytes = rows.min(initial=0) >= -128 and rows.max(initial=0) <= 127
    if in_bytes and form != "whole":
        return _live_rows(rows.reshape(-1), form)
    rows = np.pad(rows, ((0, 0), (0, lanes_of(len(weights)) - len(weights))))
    mostly_padding = 2 * len(weights) <= rows.shape[1]
    vectors = rows.shape[1] % kernels.vector_bytes() == 0
    if woven and _kind(rows) == INT8 and vectors and not mostly_padding:
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


def _live_rows(weights: Ints, form: Form) -> Rows:
    """The rows one behind the other; the kernels read a word and a vector beyond the last."""
    mask = weights != 0
    live = weights[mask]
    low, high = int(live.min(initial=0)), int(live.max(initial=0))
    if low >= -1 and high <= 1:
        kind, content = LIVE_SIGNS, np.packbits(live < 0, bitorder="little").view(np.int8)
    elif low >= -8 and high <= 7:
        pairs = np.pad(live, (0, len(live) % 2)).astype(np.int8).reshape(-1, 2)
        kind, content = LIVE_INT4, (pairs[:, 0] & 15) | (pairs[:, 1] << 4)
    else:
        kind, content = LIVE_INT8, live.astype(np.int8)
    content = np.pad(content, (0, LINE))
    if form == "places":
        found = np.flatnonzero(mask)
        starts = np.searchsorted(found, np.arange(0, len(weights) + 2 * BLOCK - 1, BLOCK)).astype(np.int32)
        return Rows(content, kind, 0, places=(found % BLOCK).astype(np.uint8), starts=starts)
    words = np.packbits(np.pad(mask, (0, -len(mask) % 64 + 64)), bitorder="little").view(np.uint64)
    starts = np.concatenate([[0], np.cumsum(np.bitwise_count(words))[:-1]]).astype(np.int32)
    return Rows(content, kind, 0, words, starts=starts)


def _whole_rows(rows: Ints, outputs: int) -> Rows:
    """Rows of whole vectors; signs, and rows of which more than half were padding, have it after the last.

    What a vector then reads of the next row is multiplied by 0: padded lanes have no multiplier.
    """
    kind = _kind(rows)
    if kind in _INTEGERS and 2 * outputs <= rows.shape[1]:
        content = np.pad(rows[:, :outputs].astype(_INTEGERS[kind]).reshape(-1), (0, rows.shape[1] - outputs))
        return Rows(laid(content), kind, outputs * content.itemsize)
    if kind == TERNARY:
        signs = [np.packbits(rows[:, :outputs] == sign, axis=1, bitorder="little") for sign in (1, -1)]
        content = np.concatenate(signs, axis=1)
        return Rows(laid(np.pad(content.reshape(-1), (0, rows.shape[1] // 8))), kind, content.shape[1])
    if kind == INT4:
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
