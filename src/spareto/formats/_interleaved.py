"""The coder of `ans.py`: states of 63 bits, words of 32, one state for each lane of symbols.

Symbol i belongs to lane i modulo the lanes, so that all lanes step together. A state x takes a symbol of
frequency f and start s as x -> (x // f) 2^digits + s + x % f, after it gave away 32 bits if it was too large.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
WORD: Final = 32
"""Bits of a word; a state takes two."""

FIRST: Final = 1 << 31
"""Every state before its first symbol, and the least it ever is."""

LANE: Final = 8192
"""Symbols of a lane: 64 bits of a state for so many cost less than 0.01 bit a symbol."""

FEW: Final = 8
"""Lanes up to which they are read one by one."""

_SHIFT: Final = np.uint64(WORD)
_LOW: Final = np.uint64((1 << WORD) - 1)


def lanes_of(symbols: int) -> int:
    """Lanes of so many symbols."""
    return max(1, symbols // LANE)


def most_words(needed: int, symbols: int, digits: int) -> int:
    """Words that are enough, whatever the order of the symbols.

    A step multiplies a state by less than (2^digits / f)(1 + 2^(digits - 31)); a word takes 32 bits of it.

    Args:
        needed: Sum of the symbols' costs, in units of 1 / 1024 bit, each rounded up.
        symbols: How many there are.
        digits: Of the frequencies.
    """
    return (needed + (symbols >> max(0, 20 - digits)) + 1) // (1024 * WORD)


def encoded(symbols: Numbers, frequencies: Numbers, digits: int) -> tuple[Numbers, Numbers]:
    """Final states and words, in the order in which they are read."""
    lanes = lanes_of(len(symbols))
    state = np.full(lanes, FIRST, np.uint64)
    frequency, start, full = _tables(frequencies, digits)
    parts: list[Any] = []
    for first in range((len(symbols) - 1) // lanes * lanes, -1, -lanes):
        now = symbols[first : first + lanes]
        old, f = state[: len(now)], frequency[now]
        over = np.flatnonzero(old >= full[now])
        if len(over):
            parts.append(old[over] & _LOW)
            old[over] >>= _SHIFT
        whole, rest = np.divmod(old, f)
        state[: len(now)] = (whole << np.uint64(digits)) + rest + start[now]
    words = np.concatenate(parts[::-1]) if parts else np.zeros(0, np.uint64)
    return state.astype(np.int64), words.astype(np.int64)


def decoded(states: Numbers, words: Numbers, count: int, frequencies: Numbers, digits: int) -> Numbers:
    """The symbols.

    Raises:
        ValueError: The states do not end where they began, or words are left.
    """
    if np.any(states < FIRST):
        raise ValueError("a state that the coder never has")
    if frequencies.max() == 1 << digits:  # the symbol that changes no state
        found, state, at = np.full(count, np.argmax(frequencies)), states, 0
    else:
        steps = _one_by_one if len(states) <= FEW else _side_by_side
        found, state, at = steps(states, words, count, frequencies, digits)
    if np.any(state != FIRST) or np.any(words[at:]):
        raise ValueError("a stream that does not end where it began")
    return found


def _one_by_one(
    states: Numbers, words: Numbers, count: int, frequencies: Numbers, digits: int
) -> tuple[Numbers, Numbers, int]:
    """Symbols, states and words read, with Python's integers: faster where lanes are few."""
    state, stream, lanes, at = states.tolist(), words.tolist(), len(states), 0
    places = np.repeat(np.arange(len(frequencies)), frequencies).tolist()
    frequency, low = frequencies.tolist(), (1 << digits) - 1
    start = (np.cumsum(frequencies) - frequencies).tolist()
    found = [0] * count
    for number in range(count):
        lane = number % lanes
        x = state[lane]
        slot = x & low
        symbol = found[number] = places[slot]
        x = frequency[symbol] * (x >> digits) + slot - start[symbol]
        if x < FIRST:
            if at == len(stream):
                raise ValueError("a stream that ends early")
            x = x << WORD | stream[at]
            at += 1
        state[lane] = x
    return np.array(found), np.array(state), at


def _side_by_side(
    states: Numbers, words: Numbers, count: int, frequencies: Numbers, digits: int
) -> tuple[Numbers, Numbers, int]:
    """The same, one step of all lanes after the other."""
    lanes, state, stream = len(states), states.astype(np.uint64), words.astype(np.uint64)
    frequency, start, _ = _tables(frequencies, digits)
    places, low = np.repeat(np.arange(len(frequencies)), frequencies), np.uint64((1 << digits) - 1)
    found, at = np.zeros(count, np.int64), 0
    for first in range(0, count, lanes):
        now = state[: count - first]
        slot = now & low
        symbol = places[slot]
        now = frequency[symbol] * (now >> np.uint64(digits)) + slot - start[symbol]
        under = np.flatnonzero(now < FIRST)
        if len(under):
            taken = stream[at : at + len(under)]
            if len(taken) < len(under):
                raise ValueError("a stream that ends early")
            now[under] = now[under] << _SHIFT | taken
            at += len(under)
        state[: len(now)] = now
        found[first : first + lanes] = symbol
    return found, state.astype(np.int64), at


def _tables(frequencies: Numbers, digits: int) -> tuple[Any, Any, Any]:
    """Frequency and start of each symbol, and the state that is too large for it."""
    frequency = frequencies.astype(np.uint64)
    return frequency, np.cumsum(frequency) - frequency, frequency << np.uint64(31 - digits + WORD)
