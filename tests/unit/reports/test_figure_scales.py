"""Axes that begin at zero end above what is drawn."""

import numpy as np
import pytest

from spareto.reports.figures.style import from_zero, new_figure


@pytest.mark.parametrize("values", [(0.0932, 0.0956), (0.5, 0.5), (0.0, 3.0)])
def test_a_line_does_not_lie_on_the_edge(values):
    panels = new_figure(height=2.9).subplots(1, 2, sharey=True)
    panels[0].plot([0, 1], [value / 2 for value in values])
    panels[1].plot([0, 1], values)
    from_zero(*panels)
    for panel in panels:
        assert panel.get_ylim()[0] == 0
        assert panel.get_ylim()[1] == pytest.approx(1.05 * max(values))


def test_nothing_drawn_is_left_as_it_is():
    axes = new_figure(height=2.9).subplots()
    before = axes.get_ylim()
    from_zero(axes)
    axes.plot([0, 1], [0, 0])
    from_zero(axes)
    assert np.isfinite(axes.get_ylim()).all()
    assert before == (0.0, 1.0)
