"""Laws every storage format keeps; a new file in `hardware/formats/` is tested by being there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.hardware import formats

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
