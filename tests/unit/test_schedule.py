"""The learning rate against its closed form, and how epochs are cut into phases."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.training.schedule import Phase, learning_rate_factor, phases


@pytest.mark.parametrize(("steps", "warmup"), [(100, 10), (50, 1), (10, 9), (7, 0)])
def test_linear_warm_up_then_half_a_cosine(steps, warmup):
    for step in range(warmup):
        assert learning_rate_factor(step, steps, warmup) == pytest.approx((step + 1) / warmup)
    for step in range(warmup, steps):
        angle = math.pi * (step - warmup) / (steps - warmup)
        assert learning_rate_factor(step, steps, warmup) == pytest.approx((1 + math.cos(angle)) / 2)


def test_the_peak_is_reached_and_the_end_is_zero():
    factors = [learning_rate_factor(step, 100, 10) for step in range(101)]
    assert max(factors) == factors[9] == factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0)


@given(st.integers(1, 300), st.integers(0, 400))
def test_any_phase_trains_in_every_step_and_never_above_the_peak(steps, warmup):
    factors = [learning_rate_factor(step, steps, warmup) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    assert max(factors) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("epochs", "starts", "expected"),
    [
        (10, [], [(0, 10)]),
        (10, [0], [(0, 10)]),
        (10, [5], [(0, 5), (5, 10)]),
        (10, [7, 0, 3, 3], [(0, 3), (3, 7), (7, 10)]),
        (10, [10, 12], [(0, 10)]),
        (1, [0], [(0, 1)]),
        (0, [], [(0, 0)]),
        (0, [0], [(0, 0)]),
    ],
)
def test_phases(epochs, starts, expected):
    assert phases(epochs, starts) == tuple(Phase(*bounds) for bounds in expected)
