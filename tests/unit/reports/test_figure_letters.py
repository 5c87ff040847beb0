"""Letters of figures: readable on slides, apart from each other in a narrow column; who gets a bar."""

import itertools

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from spareto.reports.figures.curves import activity_figure
from spareto.reports.figures.sparsity import sparsity_figure
from spareto.reports.figures.style import STYLE, grown, new_figure, turn_if_crowded
from spareto.reports.papers import FIGURES, STYLES


def letters(figure: Figure) -> list[float]:
    return [text.get_fontsize() for axes in figure.axes for text in axes.texts if text.get_text().strip()]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ["front", "breakdown", "layers"])
def test_letters_within_a_figure_grow_with_its_style(one_seed, style, kind) -> None:
    with mpl.rc_context({**STYLE, **STYLES[style]}):
        sizes = letters(FIGURES[kind](one_seed))
    assert sizes
    assert min(sizes) >= (9 if style == "slides" else 7)


@pytest.mark.parametrize("length", [3, 12, 25])
@pytest.mark.parametrize("count", [1, 3, 12])
def test_names_below_an_axis_never_touch(count, length) -> None:
    with mpl.rc_context({**STYLE, **STYLES["nature"]}):
        axes = new_figure(2).add_subplot()
        axes.set_xticks(range(count), ["m" * length] * count)
        turn_if_crowded(axes)
        axes.get_figure().draw_without_rendering()
        ticks = axes.get_xticklabels()
        boxes = sorted((tick.get_window_extent().x0, tick.get_window_extent().x1) for tick in ticks)
    turned = ticks[0].get_rotation() > 0
    assert turned or all(right < left for (_, right), (left, _) in itertools.pairwise(boxes))
    if (count, length) in {(1, 3), (3, 3), (12, 25)}:
        assert turned == (count == 12)


def test_a_small_style_takes_nothing_away() -> None:
    with mpl.rc_context({"font.size": 6.0}):
        assert grown(7) == 7


def test_dense_has_its_bars_beside_the_front(one_seed) -> None:
    names = [text.get_text() for text in activity_figure(one_seed).legends[0].get_texts()]
    assert "dense float" in names
    assert len(names) <= 6
    assert len(names) == len(set(names))


def test_cells_of_every_layer_are_named(one_seed) -> None:
    (axes,) = sparsity_figure(one_seed).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == one_seed.layer_names
