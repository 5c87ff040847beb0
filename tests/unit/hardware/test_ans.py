"""Entropy-coded tensors: near their entropy, as a slow twin writes them, hostile streams refused."""

from dataclasses import replace

import numpy as np
import pytest

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError
from spareto.formats import registry
from spareto.formats._interleaved import (
    FIRST,
    LANE,
    _one_by_one,
    _side_by_side,
    decoded,
    encoded,
    lanes_of,
)

ANS = registry.make("ans")


def drawn(size, live, values, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(size) < live, rng.choice(values, size), 0)


def entropy(tensor):
    counts = np.unique(tensor, return_counts=True)[1]
    return -float((counts * np.log2(counts / counts.sum())).sum())


def slow(symbols, frequencies, digits):
    """States and words with Python's own integers."""
    states, words, lanes = [FIRST] * lanes_of(len(symbols)), [], lanes_of(len(symbols))
    starts = np.cumsum([0, *frequencies]).tolist()
    for first in reversed(range(0, len(symbols), lanes)):
        told = []
        for lane, symbol in enumerate(symbols[first : first + lanes]):
            f, x = frequencies[symbol], states[lane]
            if x >= f << (63 - digits):
                told.append(x & 0xFFFFFFFF)
                x >>= 32
            states[lane] = (x // f << digits) + starts[symbol] + x % f
        words = told + words
    return states, words


@pytest.mark.parametrize("size", [1, 17, LANE * 2 - 1, LANE * 2, LANE * 9 + 5])
@pytest.mark.parametrize("frequencies", [[1, 16383], [16000, 200, 184], [5000, 6000, 1, 5383]])
def test_the_lanes_write_what_a_plain_loop_writes(size, frequencies):
    symbols = np.random.default_rng(size).integers(0, len(frequencies), size)
    states, words = encoded(symbols, np.array(frequencies), 14)
    expected = slow(symbols.tolist(), frequencies, 14)
    assert (states.tolist(), words.tolist()) == expected
    told = (states, words, size, np.array(frequencies), 14)
    assert np.array_equal(decoded(*told), symbols)
    one, other = _one_by_one(*told), _side_by_side(*told)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("live", [0.02, 0.2, 0.67, 1.0])
@pytest.mark.parametrize("values", [[-1, 1], [-1, 1, 1, 1], range(-7, 8)])
def test_tensors_take_two_percent_more_than_their_entropy(live, values):
    tensor = drawn(40_000, live, values)
    stored = ANS.encode(tensor, 4).size(4).bits
    assert entropy(tensor) <= stored <= 1.02 * entropy(tensor) + 200


@pytest.mark.parametrize("values", [[3], [-1, 1], range(-127, 128), range(1, 1 << 15)])
def test_the_size_follows_from_the_counts_in_any_order(values):
    tensor = drawn(3 * LANE + 7, 0.5, values)
    sizes = {ANS.encode(np.random.default_rng(seed).permutation(tensor), 16).size(16) for seed in range(3)}
    assert sizes == {ANS.encode(np.sort(tensor), 16).size(16)}


def test_one_value_takes_no_words():
    assert ANS.encode(np.full(5000, -1), 8).size(8).bits < 100
    assert ANS.encode(np.zeros(5000), 8).size(8).bits == 0


def test_without_counts_nothing_is_guessed():
    with pytest.raises(ConfigError, match=r"ans.*counts.*Quantize"):
        ANS.size_of(np.ones((3, 4), bool), 2, None)


def test_best_on_a_chip_leaves_it_out():
    network, chip = workloads.network(workloads.layer()), hardware.load_accelerator("eyeriss_like")
    assert "ans" not in {one.weight_format for one in hardware.cost_all_formats(network, chip)}
    assert hardware.cost(network, chip, weight_format="best").layers[0].weight_format != "ans"
    with pytest.raises(ConfigError, match="counts"):
        hardware.cost(network, chip, weight_format="ans")


def test_every_flipped_bit_is_refused():
    """What is read is what would be written: no other stream stands for any tensor of that shape."""
    whole = ANS.encode(drawn(300, 0.3, [-2, -1, 1, 1]), 8)
    again = []
    for place in range(len(whole.metadata)):
        bits = whole.metadata.copy()
        bits[place] ^= True
        try:
            found = ANS.decode(replace(whole, metadata=bits))
        except ValueError:
            continue
        again.append(np.array_equal(ANS.encode(found, 8).metadata, bits))
    assert all(again)
    assert len(again) < 5


@pytest.mark.parametrize("cut", [0, 4, 20, 90, -1, -32])
def test_a_stream_that_ends_early_is_refused(cut):
    whole = ANS.encode(drawn(900, 0.3, [-1, 1]), 8)
    with pytest.raises(ValueError, match=r"stream|table"):
        ANS.decode(replace(whole, metadata=whole.metadata[:cut]))


@pytest.mark.parametrize("values", [[1, -1], [1, 1], [0, 1], [5, -1]])
def test_values_that_are_not_in_order_are_refused(values):
    tensor = np.tile([-1, 0, 0, 1], 100)
    whole = ANS.encode(tensor, 8)
    assert whole.values.tolist() == [-1, 1]
    with pytest.raises(ValueError, match="table of values"):
        ANS.decode(replace(whole, values=np.array(values)))
