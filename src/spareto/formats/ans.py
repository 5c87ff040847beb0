"""Asymmetric numeral systems: each value in as many bits as its frequency is worth."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Final

import numpy as np
import numpy.typing as npt

from spareto.core.errors import ConfigError, Problem
from spareto.formats._base import Bools, Counts, Encoded, Format, Size, Train, Values, from_bits, to_bits
from spareto.formats._interleaved import WORD, decoded, encoded, lanes_of, most_words

Numbers = npt.NDArray[np.int64]
_LEAST: Final = 14  # binary digits of a frequency
_MOST: Final = 1 << 17  # different values
_FIELD: Final = 5  # bits of the table's parameter


class NumeralSystems(Format):
    """The whole tensor, zeros included, as one entropy-coded stream, behind the frequencies of its values.

    The stored values are the different ones, the most frequent first. The metadata are differences of their
    frequencies in Rice's code, the final states of the coder and its words. How many words there are follows
    from the counts alone: those that are not needed, about one in 50,000, are zero.

    Reference:
        duda2013: range variant (rANS), interleaved as in giesen2014; frequencies of one tensor, not adaptive.
    """

    locates_zeros = False
    implies_ones = False
    monotone = False
    by_value = True
    on_chips = False

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Values, table, states and words."""
        flat = tensor.reshape(-1)
        live = flat != 0
        values, ranks, counts = np.unique(flat[live], return_inverse=True, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        if not len(values):
            return Encoded(tensor.shape, values, np.zeros(0, np.bool_))
        symbols = np.zeros(flat.size, np.int64)
        symbols[live] = np.argsort(order)[ranks] + 1
        digits, ordered = _digits(len(values)), counts[order].astype(np.int64)
        frequencies = _frequencies(flat.size, ordered, digits)
        states, words = encoded(symbols, frequencies, digits)
        room = np.zeros(_words(flat.size, ordered, frequencies, digits), np.int64)
        room[: len(words)] = words
        stream = [_table(frequencies), to_bits(states, 2 * WORD), to_bits(room, WORD)]
        return Encoded(tensor.shape, values[order], np.concatenate(stream))

    def decode(self, encoded: Encoded) -> Values:
        """Symbol after symbol, in as many lanes as there are states.

        Raises:
            ValueError: The stream is none that `encode` writes.
        """
        elements, count = prod(encoded.shape), len(encoded.values)
        if not count:
            return np.zeros(encoded.shape, encoded.values.dtype)
        digits, lanes = _digits(count), lanes_of(elements)
        frequencies, at = _read_table(encoded.metadata, count, digits)
        states, end = encoded.metadata[at : at + 2 * WORD * lanes], at + 2 * WORD * lanes
        rest = encoded.metadata[end:]
        if len(states) < 2 * WORD * lanes or len(rest) % WORD:
            raise ValueError("a stream of another length")
        words = from_bits(rest, WORD, len(rest) // WORD)
        symbols = decoded(from_bits(states, 2 * WORD, lanes), words, elements, frequencies, digits)
        _check(encoded.values, np.bincount(symbols, minlength=count + 1), frequencies, len(words))
        table = np.concatenate([np.zeros(1, encoded.values.dtype), encoded.values])
        return table[symbols].reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """Of a tensor whose non-zero elements are all alike, as in a spike train."""
        live = int(np.count_nonzero(mask))
        return _size(mask.size, np.array([live] if live else [], np.int64), bits)

    def size_of(self, mask: Bools, bits: int, counts: Counts | None) -> Size:
        """From how often each value occurs.

        Raises:
            ConfigError: That is not known.
        """
        if counts is None:
            rule, cure = "weights whose codes were counted", "Quantize them, and profile the network again."
            raise ConfigError(Problem("weight format 'ans'", "a layer without counts", rule, cure))
        return _size(mask.size, np.array(counts, np.int64), bits)

    def expected_bits(self, train: Train, bits: int) -> float:
        """Settled by the number of non-zero elements, if these are all alike."""
        live = round(train.live)
        return _size(train.elements, np.array([live] if live else [], np.int64), bits).bits

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """None: Timeloop and Sparseloop know no such format."""
        return 0.0


def _size(elements: int, counts: Numbers, bits: int) -> Size:
    """Bits of a tensor with so many elements, the counts those of its different non-zero values."""
    if not len(counts):
        return Size(0, 0)
    digits, ordered = _digits(len(counts)), np.sort(counts)[::-1]
    frequencies = _frequencies(elements, ordered, digits)
    words = _words(elements, ordered, frequencies, digits)
    stream = 2 * WORD * lanes_of(elements) + WORD * words
    return Size(len(counts) * bits, _table_bits(_steps(frequencies)) + stream)


def _digits(values: int) -> int:
    """Frequencies are multiples of 2^-digits.

    Raises:
        ValueError: There are too many values for frequencies that the coder takes.
    """
    if values > _MOST:
        raise ValueError(f"{values:,} different values, more than {_MOST:,}")
    return max(_LEAST, values.bit_length() + 2)


def _frequencies(elements: int, counts: Numbers, digits: int) -> Numbers:
    """Of zero, then of the values from the most frequent on; 2^digits in all."""
    given = np.concatenate([[elements - counts.sum()], counts])
    found = np.maximum((given << digits) // elements, given > 0)
    found[np.argmax(found)] += (1 << digits) - found.sum()
    found[1:] = np.sort(found[1:])[::-1]
    return found


def _words(elements: int, counts: Numbers, frequencies: Numbers, digits: int) -> int:
    given = [elements - int(counts.sum()), *counts.tolist()]
    needed = sum(count * _cost(f, digits) for count, f in zip(given, frequencies.tolist(), strict=True) if f)
    return most_words(needed, elements, digits)


@lru_cache(maxsize=1 << 12)
def _cost(frequency: int, digits: int) -> int:
    """Bits of a symbol, in units of 1 / 1024 rounded up, by whole numbers alone."""
    return (digits << 10) - ((frequency**1024).bit_length() - 1)


def _steps(frequencies: Numbers) -> Numbers:
    """Differences of the values' frequencies, and the last less one: numbers of at least 0."""
    return np.append(frequencies[1:-1] - frequencies[2:], frequencies[-1] - 1)


def _parameter(steps: Numbers) -> int:
    """Rice's, that which takes the fewest bits."""
    return min(range(1 << _FIELD), key=lambda low: int((steps >> low).sum()) + len(steps) * low)


def _table_bits(steps: Numbers) -> int:
    low = _parameter(steps)
    return _FIELD + len(steps) * (1 + low) + int((steps >> low).sum())


def _check(values: Values, counts: Numbers, frequencies: Numbers, words: int) -> None:
    """Refuse what decodes, but is not what `encode` writes.

    Raises:
        ValueError: Values are in another order, or twice there, or frequencies or words are others.
    """
    live, elements, digits = counts[1:], int(counts.sum()), _digits(len(values))
    ordered = np.array_equal(np.lexsort((values, -live)), np.arange(len(values)))
    if not (ordered and live[-1] and np.all(values != 0) and len(np.unique(values)) == len(values)):
        raise ValueError("a table of values that is not in order")
    again = _frequencies(elements, live, digits)
    if not np.array_equal(again, frequencies) or words != _words(elements, live, again, digits):
        raise ValueError("frequencies that are not those of the values")


def _table(frequencies: Numbers) -> Bools:
    """The parameter, the unary parts (zeros that a one ends), the low digits."""
    steps = _steps(frequencies)
    low = _parameter(steps)
    ends = np.cumsum((steps >> low) + 1) - 1
    unary = np.zeros(ends[-1] + 1, np.bool_)
    unary[ends] = True
    rest = to_bits(steps & ((1 << low) - 1), low)
    return np.concatenate([to_bits(np.array([low]), _FIELD), unary, rest])


def _read_table(bits: Bools, count: int, digits: int) -> tuple[Numbers, int]:
    """Frequencies, zero's first, and the bits they took.

    Raises:
        ValueError: They are none.
    """
    if len(bits) < _FIELD:
        raise ValueError("a table of frequencies that is not there")
    low = int(from_bits(bits[:_FIELD], _FIELD, 1)[0])
    ends = np.flatnonzero(bits[_FIELD : _FIELD + (1 << digits) + count])[:count]
    at = _FIELD + int(ends[-1]) + 1 if len(ends) else _FIELD
    if len(ends) < count or low > digits or len(bits) < at + count * low:
        raise ValueError("a table of frequencies that ends early")
    steps = (np.diff(ends, prepend=-1) - 1) << low | from_bits(bits[at : at + count * low], low, count)
    steps[-1] += 1
    live = np.cumsum(steps[::-1])[::-1]
    zero = (1 << digits) - int(live.sum())
    if zero < 0:
        raise ValueError("frequencies of more than there is")
    return np.concatenate([[zero], live]), at + count * low
