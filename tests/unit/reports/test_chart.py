from itertools import pairwise

from spareto.reports.chart import SHAPES, front_chart
from spareto.reports.figures.style import LOOKS
from spareto.reports.headline import headline
from spareto.reports.results import REGIMES


def test_everything_lies_inside_the_plot(three_seeds, odd) -> None:
    for results in (three_seeds, odd):
        chart = front_chart(results, headline(results).chosen)
        places = [(mark.x, mark.y) for mark in chart.marks] + [(dot.x, dot.y) for dot in chart.dots]
        places += [(step.x1, step.y1) for step in chart.steps] + [(step.x2, step.y2) for step in chart.steps]
        assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in places)


def test_the_front_is_a_staircase_through_its_members(one_seed) -> None:
    """Every piece is upright or level and starts where the last one ended."""
    chart = front_chart(one_seed, None)
    for step in chart.steps:
        assert step.x1 == step.x2 or step.y1 == step.y2
    for first, second in pairwise(chart.steps):
        assert (first.x2, first.y2) == (second.x1, second.y1)
    corners = {(step.x2, step.y2) for step in chart.steps}
    assert {(mark.x, mark.y) for mark in chart.marks if mark.row["on_front"]} <= corners


def test_every_recipe_is_a_mark_by_rising_energy(one_seed) -> None:
    marks = front_chart(one_seed, None).marks
    assert sorted(mark.index for mark in marks) == list(range(len(one_seed.means)))
    assert [mark.x for mark in marks] == sorted(mark.x for mark in marks)


def test_labels_keep_a_line_apart_and_name_the_finding(one_seed) -> None:
    chosen = headline(one_seed).chosen
    chart = front_chart(one_seed, chosen)
    tops = sorted(mark.y / 100 * chart.height for mark in chart.marks if mark.label)
    assert all(below - above >= 16 for above, below in pairwise(tops))
    assert [mark.label for mark in chart.marks if mark.chosen] == [chosen["trial"]]


def test_seeds_are_dots_behind_their_mean(one_seed, three_seeds) -> None:
    assert front_chart(one_seed, None).dots == []
    assert len(front_chart(three_seeds, None).dots) == len(three_seeds.trials)


def test_every_regime_has_a_shape_and_a_look() -> None:
    assert set(SHAPES) == set(LOOKS) == set(REGIMES)
    assert len(set(SHAPES.values())) == len({look.color for look in LOOKS.values()}) == len(REGIMES)
