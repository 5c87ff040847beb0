"""What is counted of spike trains in C against the same in numpy and torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.formats import Gaps, levels, registry
from spareto.kernels import c_layers, trains
from spareto.kernels.library import backend
from spareto.observing.products import Geometry, ProductCall
from spareto.profiling.storage import Trains
from spareto.profiling.touching import Touching, touched
from spareto.profiling.windows import covered

needs_c = pytest.mark.skipif(backend() != "c", reason="the C kernels are not the backend")
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 200))


def random_masks(shape, seed, density):
    return np.random.default_rng(seed).random(shape) < density


@given(SHAPES, st.integers(0, 999), st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_packed_trains_count_as_masks_do(shape, seed, density):
    masks = random_masks(shape, seed, density)
    time, samples, elements = shape
    words, ones = trains.pack(torch.from_numpy(masks).reshape(-1, elements).float())
    words = words.reshape(time, samples, -1)
    assert ones
    assert (trains.unpack(words, elements) == masks).all()
    places = np.ones((time, elements), np.int64)
    trains.add_places(places, words)
    assert (places == 1 + masks.sum(1)).all()
    each = np.random.default_rng(seed).integers(0, 1 << 40, (elements, 2)).astype(float)
    assert (trains.Effects(each).sums(words) == masks @ each).all()
    if backend() == "c":
        assert (trains.windows(words) == covered(words)).all()
    found, by_sample = Trains(words, elements), masks.transpose(1, 0, 2)
    exact = Gaps.of(by_sample)
    for name in ("live", "padding", "blocks"):
        assert (getattr(found.gaps, name) == getattr(exact, name)).all(), name
    for name in registry.names():
        fmt = registry.make(name)
        assert found.sizes(fmt).tolist() == [fmt.size(mask, fmt.spike_width).bits for mask in by_sample], name


@needs_c
@given(st.integers(1, 4), st.integers(1, 150), st.integers(1, 150), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_bits_of_layers_are_turned_into_rows(images, channels, pixels, seed):
    x = torch.from_numpy(random_masks((images, channels, pixels), seed, 0.3)).float()
    bits, _ = c_layers.pack(x, channels, pixels)
    assert (trains.rows(bits, channels) == trains.pack(x.flatten(1))[0]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64, torch.bool])
def test_any_type_packs_alike(dtype):
    x = torch.tensor([[0.0, 1.0, 0.0, 1.0] * 20]).to(dtype)
    words, ones = trains.pack(x)
    assert ones
    assert trains.unpack(words, 80).tolist() == (x != 0).tolist()


@pytest.mark.parametrize("odd", [2.0, -1.0, 0.5, float("nan"), float("inf"), 1e-300])
def test_what_is_no_spike_is_told_and_not_lost(odd):
    x = torch.zeros(2, 70, dtype=torch.float64)
    x[1, 69] = odd
    words, ones = trains.pack(x)
    assert not ones
    assert trains.unpack(words, 70).nonzero() == (np.array([1]), np.array([69]))
    assert trains.pack(torch.full((1, 3), -0.0))[0].tolist() == [[0]]


def test_rows_need_not_lie_in_one_piece():
    x = (torch.rand(7, 130) < 0.3).float()
    assert (trains.unpack(trains.pack(x.T)[0], 7) == x.T.bool().numpy()).all()


def test_levels_are_the_bits_of_the_largest_place():
    assert [levels(n) for n in (0, 1, 2, 3, 1024, 1025)] == [1, 1, 1, 2, 10, 11]


def random_convolution(rng):
    """A geometry, its weight with zeros, and the shape of what enters."""
    axes, groups, transposed = int(rng.integers(1, 3)), int(rng.choice([1, 1, 2, 4])), bool(rng.integers(2))
    pick = lambda low, high: tuple(int(n) for n in rng.integers(low, high, axes))  # noqa: E731
    kernel, stride, dilation = pick(1, 4), pick(1, 4), pick(1, 3)
    pads = tuple((int(a), int(a) if transposed else int(b)) for a, b in rng.integers(0, 3, (axes, 2)))
    extra = tuple(int(rng.integers(0, step)) for step in stride) if transposed else (0,) * axes
    geometry = Geometry(stride, pads, dilation, transposed, extra, groups)
    ins, outs = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 40))
    shape = (ins, outs // groups, *kernel) if transposed else (outs, ins // groups, *kernel)
    weight = torch.from_numpy((rng.random(shape) < rng.choice([0.2, 1.0])).astype(np.float32))
    return geometry, weight, (ins, *(int(n) for n in rng.integers(7, 12, axes))), outs


@needs_c
@pytest.mark.parametrize("seed", range(40))
def test_outputs_that_spikes_reach_are_those_of_the_sums(seed):
    rng = np.random.default_rng(seed)
    geometry, weight, features, outputs = random_convolution(rng)
    x = torch.from_numpy((rng.random((5, *features)) < 0.05).astype(np.float32))
    x[0] = 0
    product = ProductCall("convolution", x, weight, geometry=geometry)
    _agrees(product, features, torch.from_numpy(rng.random(outputs) < 0.7), x)


@needs_c
@pytest.mark.parametrize("shape", [(70, 130), (3, 5, 9), (1, 1)])
@pytest.mark.parametrize("density", [0.1, 1.0])
def test_outputs_of_dense_layers_too(shape, density):
    weight = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) < density).float()
    features, outputs = (
        (shape[-1] * (shape[0] if len(shape) == 3 else 1),),
        int(np.prod(shape[:-1])),
    )
    x = (torch.rand(6, *features, generator=torch.Generator().manual_seed(1)) < 0.05).float()
    _agrees(ProductCall("linear", x, weight), features, torch.ones(outputs, dtype=torch.bool), x)


def _agrees(product, features, channels, x):
    words, _ = trains.pack(x.flatten(1))
    expected = touched(product, x, channels)
    assert Touching(product, features, channels).counts(words).tolist() == expected.tolist()
