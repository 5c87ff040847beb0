"""The accuracy-energy front."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spareto.records.rows import MeanRow, row_chosen_by, split_chosen_by, std_chosen_by
from spareto.reports.across import Across, Quantity, across
from spareto.reports.axes import FrontAxes, front_axes
from spareto.reports.figures.labels import Point, place_labels
from spareto.reports.figures.style import INK, grown, new_figure, short_label
from spareto.reports.headline import headline
from spareto.reports.regimes import Look, all_regimes, look_of
from spareto.reports.results import StudyResults

_MAX_LABELS = 8


def front_figure(results: StudyResults, quantity: Quantity = "energy") -> Figure:
    """Accuracy against a quantity, one colour and marker a regime, the front as a step line."""
    over = across(results, quantity)
    figure = new_figure(height=3.9)
    axes = figure.add_subplot()
    view = front_axes(over)
    _frame(axes, view, over)
    _draw_front(axes, view, over)
    _draw_seeds(axes, over)
    for regime in all_regimes(row["regime"] for row in results.means):
        look = look_of(regime)
        rows = [row for row in results.means if row["regime"] == regime and _visible(row, view)]
        if rows:
            _draw_points(axes, rows, over)
            axes.plot([], [], label=look.text, **_marker(look))
    axes.legend(loc="lower right", handletextpad=0.4, borderaxespad=0.2)
    points = [_point(row, over) for row in results.means if _visible(row, view)]
    place_labels(axes, _labels(over, view), points, _lines(over, view))
    return figure


def _frame(axes: Axes, view: FrontAxes, over: Across) -> None:
    if view.quantity.log:
        axes.set_xscale("log")
    axes.set_xlim(view.quantity.low, view.quantity.high)
    axes.set_ylim(view.accuracy.low, view.accuracy.high)
    axes.set_xticks(view.quantity.ticks, [f"{tick:g}" for tick in view.quantity.ticks])
    axes.set_yticks(view.accuracy.ticks, [f"{tick:g}" for tick in view.accuracy.ticks])
    axes.minorticks_off()
    axes.grid(visible=True)
    axes.set_xlabel(over.label_of(view.quantity.log))
    axes.set_ylabel(f"{split_chosen_by(over.results.means)} accuracy (%)")
    if view.below:
        note = f"below this range: {view.below} of {len(over.results.means)} networks"
        axes.set_title(note, loc="left", fontsize=grown(7))


def _draw_front(axes: Axes, view: FrontAxes, over: Across) -> None:
    steps = _front_steps(over, view)
    axes.plot(*zip(*steps, strict=True), color=INK, linewidth=1.0, alpha=0.55, zorder=2, label="front")


def _front_steps(over: Across, view: FrontAxes) -> list[Point]:
    """From the foot of the first visible member up, then right and up to each next one, then right."""
    corners = [_point(row, over) for row in over.front if _visible(row, view)]
    steps: list[Point] = [(corners[0][0], view.accuracy.low)] if corners else []
    for (x, y), (next_x, _) in pairwise([*corners, (view.quantity.high, 0.0)]):
        steps += [(x, y), (next_x, y)]
    return steps


def _lines(over: Across, view: FrontAxes) -> list[tuple[Point, Point]]:
    """Everything thin that a label must not cross: the front, error bars, and the dots of single seeds."""
    results = over.results
    lines = list(pairwise(_front_steps(over, view)))
    if not results.many_seeds:
        return lines
    for row in results.means:
        (x, y), dx, dy = _point(row, over), over.spread(row), 100 * std_chosen_by(row)
        lines += [((x - dx, y), (x + dx, y)), ((x, y - dy), (x, y + dy))]
    return lines + [((x, y), (x, y)) for _, x, y in _dots(over)]


def _dots(over: Across) -> list[tuple[str, float, float]]:
    """Every trial: its regime, the quantity and its accuracy."""
    pairs = zip(over.results.trials, over.results.rows, strict=True)
    return [(row["regime"], over.of_trial(trial), 100 * row_chosen_by(row)) for trial, row in pairs]


def _draw_seeds(axes: Axes, over: Across) -> None:
    if not over.results.many_seeds:
        return
    for regime, x, y in _dots(over):
        axes.plot([x], [y], "o", color=look_of(regime).color, markersize=1.8, alpha=0.35, zorder=2.5, mew=0)


def _draw_points(axes: Axes, rows: list[MeanRow], over: Across) -> None:
    for row in rows:
        x, y = _point(row, over)
        best = row["recipe_hash"] in over.on_front
        options: dict[str, Any] = {
            **_marker(look_of(row["regime"])),
            "alpha": 1.0 if best or row["regime"] == "dense" else 0.55,
            "elinewidth": 0.7,
            "zorder": 4 if best else 3,
        }
        spread = 100 * std_chosen_by(row), over.spread(row)
        axes.errorbar(x, y, yerr=spread[0] or None, xerr=spread[1] or None, **options)


def _marker(look: Look) -> dict[str, Any]:
    return {
        "marker": look.marker,
        "markersize": grown(8.5 if look.marker == "*" else 5.2),
        "color": look.color,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
        "linestyle": "none",
    }


def _labels(over: Across, view: FrontAxes) -> list[tuple[Point, str, str]]:
    """The finding and the reference first, then the front from its knee outwards."""
    chosen, dense = headline(over.results).chosen, over.results.dense
    first = [row for row in (chosen, dense) if row is not None]
    wanted = first + [row for row in reversed(over.front) if row not in first]
    return [
        (_point(row, over), short_label(row), look_of(row["regime"]).color)
        for row in wanted[:_MAX_LABELS]
        if _visible(row, view)
    ]


def _point(row: MeanRow, over: Across) -> Point:
    return over.of(row), 100 * row_chosen_by(row)


def _visible(row: MeanRow, view: FrontAxes) -> bool:
    return 100 * row_chosen_by(row) >= view.accuracy.low
