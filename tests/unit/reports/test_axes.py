import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.reports.across import across
from spareto.reports.axes import front_axes, linear_axis, quantity_axis

ENERGIES = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=20)


@given(ENERGIES)
def test_energies_and_ticks_lie_inside(values) -> None:
    axis = quantity_axis(values)
    assert all(axis.low <= value <= axis.high for value in [*values, *axis.ticks])
    assert len(axis.ticks) >= 2


@given(ENERGIES)
def test_places_rise_with_the_values(values) -> None:
    axis = quantity_axis(values)
    places = [axis.share(value) for value in sorted(values)]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= 1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_accuracies_lie_inside_and_no_tick_passes_the_ceiling(values) -> None:
    axis = linear_axis(values, ceiling=100.0)
    assert all(axis.low <= value <= axis.high for value in values)
    assert max(axis.ticks) <= 100.0


def test_the_ends_are_zero_and_one() -> None:
    for values in ([1.0, 2.0], [1.0, 100.0]):
        axis = quantity_axis(values)
        assert (axis.share(axis.low), axis.share(axis.high)) == (0.0, 1.0)


@pytest.mark.parametrize(("values", "log"), [((2.0, 6.0), False), ((2.0, 6.01), True), ((0.0, 9.0), False)])
def test_more_than_a_factor_of_three_is_logarithmic(values, log) -> None:
    assert quantity_axis(values).log is log


def test_a_logarithmic_axis_gives_equal_factors_equal_room() -> None:
    axis = quantity_axis([1.0, 100.0])
    assert axis.share(10.0) == pytest.approx((axis.share(1.0) + axis.share(100.0)) / 2)
    assert axis.share(1.0) == pytest.approx(math.log(1.3) / math.log(1.3**2 * 100))


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((3.0, 21.9), (5.0, 10.0, 20.0)),
        ((1.0, 100.0), (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)),
        ((0.13, 1.6), (0.1, 0.2, 0.5, 1.0, 2.0)),
        ((1.0, 1e4), (1.0, 10.0, 100.0, 1e3, 1e4)),
    ],
)
def test_logarithmic_ticks_go_one_two_five_then_by_decades(values, ticks) -> None:
    assert quantity_axis(values).ticks == ticks


def test_a_network_far_below_does_not_squeeze_the_others(one_seed, make) -> None:
    assert front_axes(across(one_seed)).below == 0
    low = one_seed.trials[-1].model_copy(update={"accuracy": 0.1, "validation_accuracy": 0.1})
    axes = front_axes(across(make([*one_seed.trials[:-1], low])))
    assert axes.below == 1
    assert axes.accuracy.low > 80
