"""Where quantizers start: ranges, grids, clips."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import ConfigError
from spareto.quantizers import registry
from spareto.quantizers._least_error import least_error_clip
from spareto.quantizers._symmetric import levels, over_group

SHAPES_OF_WEIGHTS = {
    "gaussian": lambda g: torch.randn(4, 300, generator=g),
    "laplace": lambda g: (
        torch.empty(4, 300).exponential_(generator=g) * torch.randn(4, 300, generator=g).sign()
    ),
    "uniform": lambda g: torch.rand(4, 300, generator=g) - 0.5,
    "outliers": lambda g: torch.randn(4, 300, generator=g) ** 5,
    "constant": lambda g: torch.full((4, 300), 0.3),
}


def rounding_error(weight, clip, bits):
    step = clip / levels(bits)
    return ((weight / step).clamp(-levels(bits), levels(bits)).round() * step - weight).square()


def exhaustive(weight, bits, granularity, live):
    """The slow twin, in double precision and one formula: every percent of the largest magnitude."""
    values, axes = weight.double() * live, over_group(weight, granularity)
    peak = values.abs().amax(axes, keepdim=True)
    errors = [rounding_error(values, peak * p / 100, bits).sum(axes, keepdim=True) for p in range(1, 101)]
    return torch.stack(errors).amin(0)


@given(
    shape=st.sampled_from(sorted(SHAPES_OF_WEIGHTS)),
    bits=st.integers(2, 8),
    granularity=st.sampled_from(["per_tensor", "per_channel"]),
    seed=st.integers(0, 100),
    sparsity=st.sampled_from([0.0, 0.5, 0.9]),
)
def test_no_percent_of_the_largest_magnitude_rounds_better(shape, bits, granularity, seed, sparsity):
    generator = torch.Generator().manual_seed(seed)
    weight = SHAPES_OF_WEIGHTS[shape](generator)
    live = torch.rand(weight.shape, generator=generator) >= sparsity
    clip = least_error_clip(weight, levels(bits), granularity, live).double()
    values = weight.double() * live
    found = rounding_error(values, clip, bits).sum(over_group(weight, granularity), keepdim=True)
    best = exhaustive(weight, bits, granularity, live)
    assert (found <= (1 + 1e-4) * best + 1e-9).all()


def test_the_best_ternary_clip_of_a_gaussian():
    """max1960, table I: three levels of a unit Gaussian lie at 0 and 1.224."""
    weight = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    assert least_error_clip(weight, 1, "per_tensor").item() == pytest.approx(1.224, abs=0.03)


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_three_sigma(granularity):
    weight = torch.randn(5, 400, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    axes = (0, 1) if granularity == "per_tensor" else (1,)
    expected = weight.mean(axes).abs() + 3 * weight.std(axes, correction=0)
    quantizer = registry.make("sigma_range", bits=4, granularity=granularity)
    quantizer.start(weight)
    torch.testing.assert_close((quantizer.scale * 7).flatten(), expected.flatten())
    study = registry.make("duq", bits=4, granularity=granularity)
    study.start(weight)
    torch.testing.assert_close(study.input_clip.flatten().detach(), expected.flatten())
    assert torch.equal(study.input_clip, study.output_clip)


@pytest.mark.parametrize(("percentile", "outside"), [(100, 0), (99, 10), (90, 100)])
def test_a_percentile_leaves_its_share_outside(percentile, outside):
    weight = torch.randn(4, 250, generator=torch.Generator().manual_seed(0))
    quantizer = registry.make("percentile_range", bits=8, percentile=percentile)
    quantizer.start(weight)
    assert int((weight.abs() > quantizer.scale * 127 * (1 + 1e-6)).sum()) == outside
    live = torch.arange(1000).view(4, 250) % 2 == 0
    quantizer.start(weight, live)
    assert int((weight[live].abs() > quantizer.scale * 127 * (1 + 1e-6)).sum()) == outside // 2


@pytest.mark.parametrize("percentile", [0, 101, "most"])
def test_a_percentile_that_is_none(percentile):
    with pytest.raises(ConfigError) as error:
        registry.make("percentile_range", bits=8, percentile=percentile)
    where, rule = "quantizer 'percentile_range'.percentile", "a number above 0 up to 100"
    assert str(error.value) == f"{where}: got {percentile!r}; expected {rule}."


@pytest.mark.parametrize(
    ("weight", "scale", "zero_point"),
    [([0.0, 15.0], 1.0, 0), ([-15.0, -3.0], 1.0, 15), ([-3.0, 12.0], 1.0, 3), ([-1.0, 2.0], 0.2, 5)],
)
def test_the_zero_point(weight, scale, zero_point):
    quantizer = registry.make("asymmetric", bits=4)
    quantizer.start(torch.tensor([weight]))
    assert quantizer.scale.item() == pytest.approx(scale)
    assert quantizer.zero_point.item() == zero_point
    torch.testing.assert_close(quantizer(torch.tensor([weight])), torch.tensor([weight]))


@pytest.mark.parametrize(
    ("name", "bits", "points"),
    [
        ("power_of_two", 2, [0, 1]),
        ("power_of_two", 4, [0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]),
        ("additive_power_of_two", 2, [0, 1]),
        ("additive_power_of_two", 3, [0, 1 / 4, 1 / 2, 1]),
        ("additive_power_of_two", 4, [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_the_grid(name, bits, points):
    torch.testing.assert_close(registry.make(name, bits=bits).grid, torch.tensor(points, dtype=torch.float32))


@pytest.mark.parametrize("bits", range(2, 9))
def test_an_additive_grid_has_a_point_for_every_code(bits):
    grid = registry.make("additive_power_of_two", bits=bits).grid
    assert len(grid) == 2 ** (bits - 1)
    assert (grid.diff() > 0).all()
    assert (grid[0], grid[-1]) == (0, 1)
