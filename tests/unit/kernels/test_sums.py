"""Packed spikes and the sums of weights they meet, against float64."""

import math

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from spareto import kernels
from spareto.kernels import c_layers, spikes
from spareto.kernels.c_layers import ConvShape, Gradient, padded
from spareto.kernels.sums import DenseSums, dense_input_gradient

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here")
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
)


def events(*shape, density=0.3, seed=0):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density).float()


@pytest.mark.parametrize("channels", [1, 3, 16, 63, 64, 65, 130])
@pytest.mark.parametrize("spatial", [(), (1, 1), (5, 7)])
def test_packing_is_lossless(channels, spatial):
    sequence = events(3, 2, channels, *spatial)
    packed = spikes.pack(sequence)
    assert packed is not None
    assert packed.shape == sequence.shape
    assert packed.events == int(sequence.sum())
    assert torch.equal(packed.dense(), sequence)


@st.composite
def convolutions(draw):
    kernel = (draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    padding = tuple(draw(st.integers(0, side - 1)) for side in kernel)
    size = [draw(st.integers(max(1, k - 2 * p), 18)) for k, p in zip(kernel, padding, strict=True)]
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    high, wide = ((s + 2 * p - k) // t + 1 for s, p, k, t in zip(size, padding, kernel, stride, strict=True))
    images, inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 140)), draw(st.integers(1, 140))
    shape = ConvShape(images, *size, inputs, high, wide, padded(outputs), *kernel, *stride, *padding)
    return shape, outputs, draw(st.sampled_from([0.0, 0.01, 0.1, 0.4, 1.0])), draw(st.integers(0, 99))


@given(convolutions(), st.booleans())
@QUICK
def test_event_driven_sums_and_gradients_are_those_of_a_float64_convolution(case, affine):
    s, outputs, density, seed = case
    x = events(1, s.N, s.C, s.H, s.W, density=density, seed=seed)
    packed = spikes.pack(x)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, s.C, s.KH, s.KW, generator=generator)
    y, stat = c_layers.conv_forward(packed.bits, weight, s, packed.events)
    strides, paddings = (s.SH, s.SW), (s.PH, s.PW)
    exact = nn.functional.conv2d(x[0].double(), weight.double(), None, strides, paddings).permute(0, 2, 3, 1)
    _close(y[..., :outputs], exact)
    assert not y[..., outputs:].any()
    _close(stat[:, :outputs], torch.stack([exact.sum((0, 1, 2)), exact.square().sum((0, 1, 2))]))
    dz = torch.randn(y.shape, generator=generator)
    factors = [torch.randn(s.OC, generator=generator) for _ in range(3)]
    gradient = Gradient(dz, y, *factors) if affine else Gradient(dz)
    k0, k1, k2 = (factor.double() for factor in factors)
    dy = (k0 * dz + k1 * y + k2 if affine else dz.double())[..., :outputs].permute(0, 3, 1, 2)
    dw = c_layers.conv_weight_gradient(packed.bits, gradient, weight, s, packed.events)
    _close(dw, nn.grad.conv2d_weight(x[0].double(), weight.shape, dy, strides, paddings))


@given(
    *(st.integers(1, 600), st.integers(1, 140), st.integers(1, 140), st.sampled_from([(), (2, 3)])),
    *(st.sampled_from([0.0, 0.01, 0.1, 0.4, 1.0]), st.sampled_from([1, 2])),
)
@QUICK
def test_event_driven_dense_sums_and_gradients_are_those_of_a_float64_product(
    images, channels, outputs, spatial, density, threads
):
    x = events(1, images, channels, *spatial, density=density, seed=images)
    packed, sums = spikes.pack(x), DenseSums(channels, spatial)
    generator = torch.Generator().manual_seed(images)
    weight = torch.randn(outputs, channels * math.prod(spatial), generator=generator)
    dy = torch.randn(images, outputs, generator=generator)
    wide = nn.functional.pad(dy, (0, padded(outputs) - outputs))[:, None, None]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        y, _ = sums.forward(packed.bits, weight)
        dw = sums.weight_gradient(packed.bits, Gradient(wide), weight)
        dx = sums.input_gradient(Gradient(wide), weight)
    finally:
        torch.set_num_threads(before)
    rows = x[0].flatten(1).double()
    _close(y[:, 0, 0, :outputs], rows @ weight.double().t())
    assert not y[..., outputs:].any()
    _close(dw, dy.double().t() @ rows)
    _close(dx.movedim(-1, 1).flatten(1), dy.double() @ weight.double())


@given(
    *(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.integers(1, 13), st.integers(1, 13)),
    *(st.integers(0, 2), st.integers(0, 2), st.booleans()),
)
@QUICK
def test_winograd_is_the_ordinary_input_gradient(images, inputs, outputs, height, width, high, wide, affine):
    out = height + 2 * high - 2, width + 2 * wide - 2
    assume(min(out) > 0)
    s = ConvShape(images, height, width, inputs, *out, padded(outputs), 3, 3, 1, 1, high, wide)
    generator = torch.Generator().manual_seed(height)
    weight = torch.randn(outputs, inputs, 3, 3, generator=generator)
    dz, y = torch.randn(2, images, *out, s.OC, generator=generator)
    dz[..., outputs:] = 0
    factors = [torch.randn(s.OC, generator=generator) for _ in range(3)]
    for factor in factors:
        factor[outputs:] = 0
    gradient = Gradient(dz, y, *factors) if affine else Gradient(dz)
    dx = c_layers.conv_input_gradient(gradient, weight, s)[..., :inputs]
    _close(dx, dense_input_gradient(gradient.written(), weight, s, bfloat16=False), 2e-6)


def _close(found, exact, tolerance=1e-6):
    error = (found.double() - exact.double()).norm()
    assert error <= tolerance * max(float(exact.norm()), 1e-6), f"relative error {error / exact.norm():.1e}"
