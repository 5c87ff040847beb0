"""Gradients of quantizers and roundings against closed forms and finite differences of smooth twins."""

import math

import pytest
import torch

from spareto.quantizers import registry
from spareto.quantizers.rounding import registry as roundings

GRANULARITIES = ("per_tensor", "per_channel")
BITS = (2, 4, 8)
DELTA = 5e-3
SCALES = {"lsq": ("step",), "duq": ("input_clip", "output_clip"), "power_of_two": ("clip",)}
GRID = torch.linspace(-3.3, 3.3, 997, dtype=torch.float64)


def random(seed, shape=(6, 3, 3, 3)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def backward(quantizer, weight, cotangent):
    leaf = weight.clone().requires_grad_()
    (quantizer(leaf) * cotangent).sum().backward()
    return leaf.grad


def in_group(values, granularity):
    return values.sum() if granularity == "per_tensor" else values.sum((1, 2, 3))


def started(name, bits, granularity="per_tensor", rounding="straight_through", shrink=0.6):
    """A quantizer that clips a few weights, its scales off their start."""
    quantizer = registry.make(name, bits=bits, granularity=granularity, rounding=rounding)
    quantizer.start(random(0))
    for scale, name_ in enumerate(SCALES[name]):
        quantizer.get_parameter(name_).data *= shrink + 0.15 * scale
    return quantizer


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("bits", BITS)
def test_lsq(bits, granularity):
    """esser2020, equations 3 and 5, and the scale 1 / sqrt(N q) of section 2.2."""
    quantizer, weight, g = started("lsq", bits, granularity), random(0), random(1)
    grad = backward(quantizer, weight, g)
    low, high = quantizer.code_range
    x = weight / quantizer.scale.detach()
    inside = (x > low) & (x < high)
    slope = torch.where(inside, x.round() - x, x.clamp(low, high))
    sharing = weight.numel() // quantizer.step.numel()
    expected = in_group(slope * g, granularity) / math.sqrt(sharing * high)
    assert (low, high) == (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    torch.testing.assert_close(quantizer.step.grad.flatten(), expected.flatten(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(grad, g * inside, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("bits", BITS)
def test_lsq_starts_at_its_step(bits, granularity):
    quantizer = registry.make("lsq", bits=bits, granularity=granularity)
    quantizer.start(random(0))
    mean = random(0).abs().mean() if granularity == "per_tensor" else random(0).abs().mean((1, 2, 3))
    torch.testing.assert_close(
        quantizer.scale.flatten(), (2 * mean / math.sqrt(2 ** (bits - 1) - 1)).flatten()
    )


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("rounding", ["straight_through", "ewgs"])
def test_duq(bits, granularity, rounding):
    """Autograd through the study's formula, `c · round(n · hardtanh(w / a)) / n`."""
    quantizer, weight, g = started("duq", bits, granularity, rounding), random(0), random(1)
    grad = backward(quantizer, weight, g)
    a, c = (
        scale.detach().clone().requires_grad_() for scale in (quantizer.input_clip, quantizer.output_clip)
    )
    leaf, n = weight.clone().requires_grad_(), 2 ** (bits - 1) - 1
    x = torch.nn.functional.hardtanh(leaf / a) * n
    delta = DELTA if rounding == "ewgs" else 0.0
    factor = (1 + delta * g.sign() * (x - x.round())).detach()
    (c * (x.round().detach() + factor * (x - x.detach())) / n * g).sum().backward()
    for got, expected in ((grad, leaf), (quantizer.input_clip.grad, a), (quantizer.output_clip.grad, c)):
        torch.testing.assert_close(got, expected.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bits", BITS)
def test_duq_against_finite_differences(bits):
    """Of its straight-through twin, which rounds as it did before the scales and weights move."""
    quantizer, weight, g = started("duq", bits), random(0), random(1)
    grad = backward(quantizer, weight, g)
    n, a, c = 2 ** (bits - 1) - 1, quantizer.input_clip.item(), quantizer.output_clip.item()
    offset = (x := torch.nn.functional.hardtanh(weight / a) * n) - x.round()

    def twin(weight, a, c):
        return float((c * (torch.nn.functional.hardtanh(weight / a) * n - offset) / n * g).sum())

    e = 1e-7
    assert quantizer.input_clip.grad.item() == pytest.approx(
        (twin(weight, a + e, c) - twin(weight, a - e, c)) / 2 / e, rel=1e-5, abs=1e-5
    )
    assert quantizer.output_clip.grad.item() == pytest.approx(
        (twin(weight, a, c + e) - twin(weight, a, c - e)) / 2 / e, rel=1e-5, abs=1e-5
    )
    for index in range(0, weight.numel(), 37):
        moved = torch.zeros(weight.numel(), dtype=torch.float64)
        moved[index] = e
        moved = moved.view_as(weight)
        slope = (twin(weight + moved, a, c) - twin(weight - moved, a, c)) / 2 / e
        assert grad.flatten()[index].item() == pytest.approx(slope, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_table_learns_its_clip_like_a_step(bits):
    """li2020, equation 8: inside, the point less the weight, both in units of the clip; outside, the sign."""
    quantizer, weight, g = started("power_of_two", bits), random(0), random(1)
    grad = backward(quantizer, weight, g)
    clip = quantizer.clip.detach()
    inside = weight.abs() < clip
    slope = torch.where(inside, (quantizer(weight).detach() - weight) / clip, weight.sign())
    torch.testing.assert_close(quantizer.clip.grad.flatten(), (slope * g).sum().flatten())
    torch.testing.assert_close(grad, g * inside)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_ternary(granularity):
    """zhu2017, equations 7 and 8."""
    quantizer = registry.make("ternary", granularity=granularity)
    quantizer.start(random(0))
    weight, g = random(0), random(1)
    grad = backward(quantizer, weight, g)
    threshold = quantizer.threshold
    axes = (0, 1, 2, 3) if granularity == "per_tensor" else (1, 2, 3)
    torch.testing.assert_close(threshold, 0.7 * weight.abs().mean(axes, keepdim=True))
    above, below = weight > threshold, weight < -threshold
    p, n = quantizer.positive.detach(), quantizer.negative.detach()
    torch.testing.assert_close(p, (weight * above).sum(axes, keepdim=True) / above.sum(axes, keepdim=True))
    torch.testing.assert_close(n, -(weight * below).sum(axes, keepdim=True) / below.sum(axes, keepdim=True))
    torch.testing.assert_close(quantizer.positive.grad, (g * above).sum(axes, keepdim=True))
    torch.testing.assert_close(quantizer.negative.grad, -(g * below).sum(axes, keepdim=True))
    torch.testing.assert_close(grad, g * torch.where(above, p, torch.where(below, n, 1.0)))


def gradient(name, grad, x):
    return roundings.make(name).gradient(grad, x - x.round())


@pytest.mark.parametrize("name", roundings.names())
def test_a_rounding_gradient_scales_and_without_delta_passes_straight(name):
    g = random(1, GRID.shape)
    torch.manual_seed(0)
    once = gradient(name, g, GRID)
    torch.manual_seed(0)
    torch.testing.assert_close(gradient(name, 3 * g, GRID), 3 * once)
    assert (once - g).abs().max() <= DELTA / 2 * g.abs().max() + 1e-12
    if name != "straight_through":
        assert (once != g).any()
        rounding = roundings.make(name, delta=0.0)
        assert torch.equal(rounding.gradient(g, GRID - GRID.round()), g)


def test_ewgs_in_closed_form():
    """lee2021, equation 4."""
    g = random(1, GRID.shape)
    expected = g * (1 + DELTA * g.sign() * (GRID - GRID.round()))
    torch.testing.assert_close(gradient("ewgs", g, GRID), expected)


SMOOTH = {  # whose slope the gradient is, for a positive and for a negative gradient, on one cell
    "straight_through": lambda o, sign: o,
    "ewgs": lambda o, sign: o + DELTA / 2 * sign * o.square(),
    "tanh": lambda o, sign: o + DELTA / 8 * sign * (4 * o).cosh().log(),
    "arccos": lambda o, sign: o - DELTA / 2 / math.pi * (math.pi * o).cos(),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_rounding_gradient_against_finite_differences(name, sign):
    offset, e = torch.linspace(-0.49, 0.49, 99, dtype=torch.float64), 1e-6
    slope = (SMOOTH[name](offset + e, sign) - SMOOTH[name](offset - e, sign)) / (2 * e)
    grad = torch.full_like(offset, sign)
    torch.testing.assert_close(
        roundings.make(name).gradient(grad, offset), sign * slope, rtol=1e-8, atol=1e-8
    )


def test_noise_has_mean_zero_and_follows_the_seed():
    g = torch.ones(200_000, dtype=torch.float64)
    torch.manual_seed(3)
    first = roundings.make("noise", delta=1.0).gradient(g, g)
    torch.manual_seed(3)
    assert torch.equal(roundings.make("noise", delta=1.0).gradient(g, g), first)
    assert first.mean().item() == pytest.approx(1.0, abs=5e-3)
    assert first.std().item() == pytest.approx(math.sqrt(1 / 12), rel=1e-2)
