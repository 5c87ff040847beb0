"""Every storage format keeps the laws; a new file in `formats/` is tested here unasked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto import formats
from spareto.formats import Train
from spareto.testing import formats as laws

NAMES = formats.registry.names()
SPECIAL = {
    "all zero": np.zeros((4, 3, 3, 3), int),
    "one element": np.array([5]),
    "one zero": np.array([0]),
    "last of many": np.eye(1, 5000, 4999, dtype=int),
    "first of many": np.eye(1, 5000, 0, dtype=int),
    "two far apart": np.array([[3] + [0] * 3000 + [4] + [0] * 999]),
    "full": np.ones((7, 11), int),
    "floats": np.array([[0.0, 1.5], [-2.25, 0.0]]),
}


@st.composite
def tensors(draw):
    """Small weight tensors from empty-handed to full, with long runs and single survivors."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    size = int(np.prod(shape))
    density = draw(st.sampled_from([0.0, 0.02, 0.3, 0.8, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flat = rng.integers(1, 8, size) * rng.choice([-1, 1], size) * (rng.random(size) < density)
    return flat.reshape(shape)


@st.composite
def many(draw):
    """Spike trains of several samples, shape (samples, T, neurons), silent and clustered ones among them."""
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rate = rng.choice([0.0, 0.05, 0.4, 1.0], shape[0])[:, None, None]
    lit = np.arange(shape[2]) < rng.integers(1, shape[2] + 1, shape[0])[:, None, None]
    return (rng.random(shape) < rate) & lit


@st.composite
def trains(draw):
    """Spike trains, shape (T, channels, height, width)."""
    sides = st.integers(1, 5)
    shape = (draw(st.integers(1, 6)), draw(sides), draw(sides), draw(sides))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.random(shape) < draw(st.sampled_from([0.0, 0.05, 0.4, 1.0]))


@pytest.fixture(params=NAMES)
def fmt(request):
    return formats.registry.make(request.param)


def test_the_formats_the_docs_name_are_there():
    study = {"none", "bitmask", "rle", "cp", "uop"}
    assert study | {"csc", "block_bitmask", "aer", "time_packed", "nested"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(tensor=tensors(), bits=st.sampled_from([1, 2, 8, 32]))
def test_decoding_gives_the_tensor_back_and_the_size_is_that_of_the_encoding(name, tensor, bits):
    laws.check_round_trip(formats.registry.make(name), tensor, bits)


@pytest.mark.parametrize("case", SPECIAL)
def test_special_tensors(fmt, case):
    laws.check_round_trip(fmt, SPECIAL[case], 8)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50, deadline=None)
@given(tensor=tensors())
def test_fewer_bits_never_take_more_space(name, tensor):
    laws.check_width(formats.registry.make(name), tensor != 0)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(tensor=tensors(), seed=st.integers(0, 99), bits=st.sampled_from([1, 8]))
def test_where_it_is_declared_a_sparser_tensor_takes_no_more_bits(name, tensor, seed, bits):
    order = np.random.default_rng(seed).permutation(np.flatnonzero(tensor))
    laws.check_monotone(formats.registry.make(name), tensor != 0, order, bits)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(spikes=trains())
def test_a_spike_train_comes_back_from_what_is_stored_of_it(name, spikes):
    laws.check_spike_train(formats.registry.make(name), spikes)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(masks=many(), bits=st.sampled_from([0, 1, 8]))
def test_many_tensors_are_sized_as_each_is_encoded(name, masks, bits):
    laws.check_sizes(formats.registry.make(name), masks, bits)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(masks=many())
def test_counts_settle_the_size_where_the_format_says_so(name, masks):
    laws.check_settled(formats.registry.make(name), masks)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("bits", [None, 8])
def test_counts_give_the_mean_size_of_random_trains(fmt, rate, bits):
    rng = np.random.default_rng(1)
    drawn = [rng.random((8, 16, 8, 8)) < rate for _ in range(8)]
    laws.check_expected(fmt, drawn, fmt.spike_width if bits is None else bits)


def test_a_silent_train_takes_no_more_than_any_other(fmt):
    bits = [fmt.spike_bits(Train(8, 64, live)) for live in (0.0, 0.5, 3.0, 40.0, 512.0)]
    assert bits == sorted(bits) if fmt.monotone else bits[0] == min(bits)
    assert bits[0] <= 8 * 64 + 64 + 8


@pytest.mark.parametrize("fibres", [1, 16])
def test_compatible_metadata_grow_with_the_non_zeros(fmt, fibres):
    laws.check_compatible(fmt, 4096.0, 4, fibres)
