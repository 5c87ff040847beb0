"""One network on many accelerators: what the figure shows and what it leaves out."""

import pytest

from spareto.core.errors import ConfigError
from spareto.records import ActionCost, Cost, LayerCost
from spareto.reports.figures import accelerators_figure


def cost(name, energy_pj, cycles, clock_mhz=100.0, weight_format="rle"):
    action = ActionCost(component="c", tensor="t", action="a", count=1, energy_pj=energy_pj)
    layer = LayerCost(name="l", latency_cycles=cycles, stored_bits=8, actions=(action,))
    return Cost(
        accelerator=name, mode="physical", weight_format=weight_format, clock_mhz=clock_mhz, layers=(layer,)
    )


def test_a_point_an_accelerator_at_its_energy_and_time():
    figure = accelerators_figure([cost("a", 2e6, 300), cost("b", 5e7, 100)])
    (axes,) = figure.axes
    points = {
        line.get_label(): line.get_xydata()[0].tolist() for line in axes.lines if line.get_marker() != "None"
    }
    assert points == {"a": [3.0, 2.0], "b": [1.0, 50.0]}


def test_formats_are_named_where_there_are_several():
    (axes,) = accelerators_figure([cost("a", 1e6, 1), cost("a", 2e6, 1, weight_format="cp")]).axes
    assert {line.get_label() for line in axes.lines} >= {"a, rle", "a, cp"}


def test_what_has_no_clock_is_left_out_and_nothing_at_all_is_refused():
    (axes,) = accelerators_figure([cost("a", 1e6, 1), cost("b", 1e6, 1, clock_mhz=None)]).axes
    assert "b" not in {line.get_label() for line in axes.lines}
    with pytest.raises(ConfigError) as error:
        accelerators_figure([cost("b", 1e6, 1, clock_mhz=None)])
    assert str(error.value) == "costs: got none with a time; expected at least one accelerator with a clock."
