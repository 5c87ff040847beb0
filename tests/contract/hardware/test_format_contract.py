"""Laws every storage format keeps; a new file in `hardware/formats/` is tested by being there."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.hardware import formats
from spareto.hardware.formats import Train

NAMES = formats.registry.names()


@st.composite
def tensors(draw):
    """Small weight tensors from empty-handed to full, with long runs and single survivors."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    size = int(np.prod(shape))
    density = draw(st.sampled_from([0.0, 0.02, 0.3, 0.8, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flat = rng.integers(1, 8, size) * rng.choice([-1, 1], size) * (rng.random(size) < density)
    return flat.reshape(shape)


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


@pytest.fixture(params=NAMES)
def fmt(request):
    return formats.registry.make(request.param)


def check(fmt, tensor, bits):
    encoded = fmt.encode(tensor, bits)
    np.testing.assert_array_equal(fmt.decode(encoded), tensor)
    assert encoded.metadata.dtype == np.bool_
    assert encoded.size(bits) == fmt.size(tensor != 0, bits)


def test_all_five_formats_of_the_study_are_there():
    assert {"none", "bitmask", "rle", "cp", "uop"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80, deadline=None)
@given(tensor=tensors(), bits=st.sampled_from([1, 2, 8, 32]))
def test_decoding_gives_the_tensor_back_and_the_size_is_that_of_the_encoding(name, tensor, bits):
    check(formats.registry.make(name), tensor, bits)


@pytest.mark.parametrize("case", SPECIAL)
def test_special_tensors(fmt, case):
    check(fmt, SPECIAL[case], 8)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50, deadline=None)
@given(tensor=tensors())
def test_fewer_bits_never_take_more_space(name, tensor):
    fmt = formats.registry.make(name)
    sizes = [fmt.size(tensor != 0, bits).bits for bits in (1, 2, 4, 8, 16, 32)]
    assert sizes == sorted(sizes)


@st.composite
def trains(draw):
    """Spike trains, shape (T, channels, height, width)."""
    shape = (
        draw(st.integers(1, 6)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 5)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.random(shape) < draw(st.sampled_from([0.0, 0.05, 0.4, 1.0]))


def counted(spikes, *, awake=True):
    quiet = spikes.any(axis=0)
    return Train(len(spikes), quiet.size, float(spikes.sum()), float(quiet.sum()) if awake else None)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80, deadline=None)
@given(spikes=trains())
def test_a_spike_train_comes_back_from_what_is_stored_of_it(name, spikes):
    fmt = formats.registry.make(name)
    encoded = fmt.encode(spikes.astype(np.uint8), fmt.spike_width)
    if fmt.implies_ones:  # the decoder puts the ones back itself
        assert len(encoded.values) == spikes.sum()
        encoded = replace(encoded, values=np.ones(len(encoded.values), np.uint8))
    np.testing.assert_array_equal(fmt.decode(encoded), spikes)
    assert encoded.size(fmt.spike_width) == fmt.size(spikes, fmt.spike_width)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("bits", [None, 8])
def test_expected_bits_are_the_mean_over_random_trains(name, rate, bits):
    """Counts alone give the size of trains whose spikes lie anywhere, within the spread of the draw."""
    fmt, rng = formats.registry.make(name), np.random.default_rng(1)
    width = fmt.spike_width if bits is None else bits
    drawn = [rng.random((8, 16, 8, 8)) < rate for _ in range(8)]
    exact = np.mean([fmt.size(spikes, width).bits for spikes in drawn])
    for awake in (True, False):
        expected = np.mean([fmt.expected_bits(counted(spikes, awake=awake), width) for spikes in drawn])
        assert expected == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_a_silent_train_takes_no_more_than_any_other(name):
    fmt = formats.registry.make(name)
    bits = [fmt.spike_bits(Train(8, 64, live)) for live in (0.0, 0.5, 3.0, 40.0, 512.0)]
    assert bits == sorted(bits)
    assert bits[0] <= 8 * 64 + 64 + 8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fibres", [1, 16])
def test_compatible_metadata_grow_with_the_non_zeros(name, fibres):
    fmt = formats.registry.make(name)
    found = [fmt.compatible_metadata(4096.0, density, 4, fibres) for density in (0.0, 0.1, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[0] >= 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(tensor=tensors(), seed=st.integers(0, 99), bits=st.sampled_from([1, 8]))
def test_where_it_is_declared_a_sparser_tensor_takes_no_more_bits(name, tensor, seed, bits):
    fmt, live = formats.registry.make(name), tensor != 0
    sizes = [fmt.size(live, bits).bits]
    for place in np.random.default_rng(seed).permutation(np.flatnonzero(live)):
        live.reshape(-1)[place] = False
        sizes.append(fmt.size(live, bits).bits)
    assert not fmt.monotone or sizes == sorted(sizes, reverse=True)
