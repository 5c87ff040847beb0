"""Weights as one stream of bits, each tensor in its storage format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spareto import formats
from spareto.formats import BEST, Bools, Counts, Encoded, Format
from spareto.integer.network import Ints, Synapses

PER_BYTE: Final = 512
"""Weights that a byte of a file may stand for, at most."""

SMALL: Final = 1 << 16
"""Weights that any file may have."""


@dataclass(frozen=True, eq=False)
class Part:
    """One tensor as it is stored.

    Args:
        format: Name of its format.
        count: Stored values.
        metadata: Bits of metadata.
        width: Field width of the format.
    """

    format: str
    count: int
    metadata: int
    width: int


@dataclass(frozen=True, eq=False)
class Stored:
    """All tensors.

    Args:
        parts: One each.
        content: The stream, rounded up to a byte.
        bits: Its length.
    """

    parts: tuple[Part, ...]
    content: bytes
    bits: int


def encode(synapses: list[tuple[str, Synapses]], weight_format: str) -> Stored:
    """Encode weights; see `write_package`."""
    parts: list[Part] = []
    stream: list[Bools] = []
    for _, each in synapses:
        part, bits = _encoded(each, weight_format)
        parts.append(part)
        stream += bits
    flat = np.concatenate(stream) if stream else np.zeros(0, np.bool_)
    return Stored(tuple(parts), np.packbits(flat, bitorder="little").tobytes(), len(flat))


def stored_bits(synapses: Synapses, name: str) -> int | None:
    """Bits that weights take in a format, by the hardware model's own rule; None if it cannot hold them."""
    fmt, levels = formats.registry.make(name), synapses.levels
    if levels is not None and not fmt.by_value:
        zeros = bool(
            (levels == 0).any(1).all()
        )  # else zeros can only be left out: a sign has no code for them
        whole = not fmt.locates_zeros and not zeros and bool((synapses.weights == 0).any())
        if whole or (not fmt.implies_ones and fmt.locates_zeros and not (zeros and len(levels) == 1)):
            return None
    counts = _counts_of(_carried(fmt, synapses)) if fmt.by_value else None
    return fmt.size_of(synapses.weights != 0, synapses.bits, counts).bits


def _encoded(synapses: Synapses, weight_format: str) -> tuple[Part, list[Bools]]:
    names = formats.registry.names() if weight_format == BEST else (weight_format,)
    sizes = {name: stored_bits(synapses, name) for name in names}
    fitting = {name: size for name, size in sizes.items() if size is not None}
    if not fitting:
        fitting = {"bitmask": stored_bits(synapses, "bitmask") or 0}
    name = min(fitting, key=lambda each: (fitting[each], each))
    fmt, bits = formats.registry.make(name), synapses.bits
    found = fmt.encode(_carried(fmt, synapses), bits)
    if synapses.levels is None:
        codes = found.values.astype(np.int64) & ((1 << bits) - 1)
    else:
        zero = int(np.argmax(synapses.levels[0] == 0))  # what fills long runs of zeros
        codes = np.where(found.values > 0, found.values - 1, zero).astype(np.int64)
    stream = ((codes[:, None] >> np.arange(bits)) & 1).astype(np.bool_).reshape(-1)
    return Part(name, len(codes), len(found.metadata), found.width), [found.metadata, stream]


def _carried(fmt: Format, synapses: Synapses) -> Ints:
    """What a format stores: weights, or their places in their table counted from 1, and 0 for no weight."""
    if synapses.levels is None:
        return synapses.weights
    places = _places(synapses.weights, synapses.levels)
    left_out = (synapses.weights == 0) & (fmt.locates_zeros or fmt.by_value)
    return np.where(left_out, 0, places + 1)


def _counts_of(carried: Ints) -> Counts:
    """How often each value occurs, the most frequent first."""
    counts = np.unique(carried[carried != 0], return_counts=True)[1]
    return tuple(np.sort(counts)[::-1].tolist())


def _places(weights: Ints, levels: Ints) -> Ints:
    """Place of every weight in the table of its channel."""
    found = np.zeros(weights.shape, np.int64)
    for channel, values in enumerate(weights):
        found[channel] = np.searchsorted(levels[min(channel, len(levels) - 1)], values)
    return found


class Stream:
    """Gives tensors back, in their order.

    Args:
        content: The stream.
        bits: Its length.
        size: Bytes of the whole file.
    """

    def __init__(self, content: bytes, bits: int, size: int) -> None:
        self._content, self._bits, self._at = content, bits, 0
        self._most = size * PER_BYTE + SMALL
        self._taken = 0

    def take(self, said: dict[str, Any], shape: tuple[int, ...], bits: int, levels: Ints | None) -> Ints:
        """The next tensor, int32.

        Raises:
            ValueError: It is not there, or not as its format would write it.
        """
        name, count, metadata, width = (said[key] for key in ("format", "count", "metadata", "width"))
        elements = 1
        for side in shape:
            elements *= side
            if elements > self._most - self._taken:
                raise ValueError(f"more than {self._most:,} weights in a file of this size")
        if name not in formats.registry.names() or not _counts(count, metadata, width) or elements < 1:
            raise ValueError(f"weights in format {str(name)[:40]!r} with width {str(width)[:40]}")
        if width > max(64 if name == "nested" else 32, 1) or (1 << width) > 2 * elements + 2:
            raise ValueError(f"format '{name}' with fields of {width} bits for {elements:,} weights")
        self._taken += elements
        head, codes = self._next(metadata), self._next(count * bits).reshape(count, bits)
        places = codes.astype(np.int64) @ (np.int64(1) << np.arange(bits, dtype=np.int64))
        fmt = formats.registry.make(name)
        codes = _signed(places, bits) if levels is None else places + 1
        carried = fmt.decode(Encoded(shape, codes, head, width)).reshape(shape)
        found = carried if levels is None else _by_channel(carried, levels)
        counts = _counts_of(carried) if fmt.by_value else None
        if counts is not None and sum(counts) != np.count_nonzero(found):
            raise ValueError("a code that stands for no weight")
        again = fmt.size_of(found != 0, bits, counts)
        if again.bits != count * bits + metadata:
            raise ValueError(f"weights that format '{name}' would store otherwise")
        return found.astype(np.int32)

    def _next(self, count: int) -> Bools:
        if count > self._bits - self._at:
            raise ValueError("weights beyond the end of their stream")
        first, last = self._at // 8, -(-(self._at + count) // 8)
        packed = (
            np.frombuffer(self._content, np.uint8, last - first, first) if count else np.zeros(0, np.uint8)
        )
        found = np.unpackbits(packed, bitorder="little")[self._at - 8 * first :][:count].astype(np.bool_)
        self._at += count
        return found

    def end(self) -> None:
        """All has been taken.

        Raises:
            ValueError: Something is left.
        """
        left = self._content[self._at // 8 :]
        if self._at != self._bits or any(left[1:]) or (left and left[0] >> self._at % 8):
            raise ValueError("bits of weights that nothing reads")


def _counts(*numbers: Any) -> bool:
    return all(type(number) is int and 0 <= number < 1 << 40 for number in numbers)


def _signed(codes: Ints, bits: int) -> Ints:
    half = 1 << (bits - 1)
    return (codes ^ half) - half


def _by_channel(places: Ints, levels: Ints) -> Ints:
    """Levels at places in the tables of their channels, counted from 1; 0 is no weight."""
    if places.max(initial=0) > levels.shape[1]:
        raise ValueError("a weight's code beyond its table")
    table = np.concatenate([np.zeros((len(levels), 1), np.int64), levels], axis=1)
    rows = np.arange(len(places)) if len(levels) > 1 else np.zeros(len(places), np.int64)
    return table[rows.reshape(-1, *[1] * (places.ndim - 1)), places]
