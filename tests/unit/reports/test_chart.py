from itertools import combinations, pairwise

import pytest

import factories
from spareto.reports.chart import SHAPES, front_chart
from spareto.reports.chart_labels import Label, Obstacle, place_labels
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


@pytest.mark.parametrize("seeds", [1, 3])
def test_labels_cover_nothing_at_any_width(make, seeds) -> None:
    """Neither another mark, nor the front's line, nor each other; and the frame holds them."""
    results = make(factories.study(seeds))
    chart = front_chart(results, headline(results).chosen)
    labels = [mark.label for mark in chart.marks if mark.label]
    assert len(labels) >= 4
    for width in (562, 700, 924):
        boxes = [label.box(width) for label in labels]
        assert not any(first.meets(second) for first, second in combinations(boxes, 2))
        for label, box in zip(labels, boxes, strict=True):
            assert 0 <= box.left <= box.right <= width
            assert 0 <= box.top <= box.bottom <= chart.height
            assert not any(crosses(step, box, width, chart.height) for step in chart.steps)
            for mark in chart.marks:
                own = (mark.x, mark.y) == (label.x, label.y)
                assert own or not holds(box, mark.x * width / 100, mark.y * chart.height / 100)


def test_the_finding_and_the_reference_are_named(one_seed) -> None:
    chosen, dense = headline(one_seed).chosen, one_seed.dense
    labels = {mark.row["trial"]: mark.label for mark in front_chart(one_seed, chosen).marks}
    assert labels[chosen["trial"]].text == chosen["trial"]
    assert labels[chosen["trial"]].bold
    assert labels[dense["trial"]].text == dense["trial"]


def test_a_label_without_room_is_left_out() -> None:
    crowd = [Obstacle(x, 50.0, x, 50.0, 60.0) for x in range(10, 100, 10)]
    label = Label("dense float", 50.0, 50.0, bold=False)
    assert place_labels([label], crowd) == []
    (free,) = place_labels([label], [])
    assert free == label
    assert len(place_labels([label, label], [])) == 2  # the second one finds another side


def holds(box, x: float, y: float) -> bool:
    return box.left < x < box.right and box.top < y < box.bottom


def crosses(step, box, width: float, height: float) -> bool:
    """Walk along the line, pixel by pixel."""
    ends = ((step.x1 * width, step.x2 * width), (step.y1 * height, step.y2 * height))
    (x1, x2), (y1, y2) = ((start / 100, end / 100) for start, end in ends)
    count = int(abs(x2 - x1) + abs(y2 - y1)) + 1
    return any(holds(box, x1 + (x2 - x1) * i / count, y1 + (y2 - y1) * i / count) for i in range(count + 1))


def test_seeds_are_dots_behind_their_mean(one_seed, three_seeds) -> None:
    assert front_chart(one_seed, None).dots == []
    assert len(front_chart(three_seeds, None).dots) == len(three_seeds.trials)


def test_every_regime_has_a_shape_and_a_look() -> None:
    assert set(SHAPES) == set(LOOKS) == set(REGIMES)
    assert len(set(SHAPES.values())) == len({look.color for look in LOOKS.values()}) == len(REGIMES)
