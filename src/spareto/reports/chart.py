"""The interactive front: every place as a share of the plot, so that the page draws it at any width."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from spareto.records.recipe import Regime
from spareto.records.rows import MeanRow, TrialRow, row_chosen_by, std_chosen_by
from spareto.reports.axes import FrontAxes, front_axes
from spareto.reports.chart_labels import CHART_HEIGHT, Label, Obstacle, place_labels
from spareto.reports.figures.style import bar_label
from spareto.reports.results import StudyResults

_MARK_RADIUS, _DOT_RADIUS, _LINE_PAD = 7.0, 2.0, 2.0  # pixels

# One shape a regime, drawn around (0, 0) in pixels; a shape tells regimes apart where colour cannot.
SHAPES: dict[Regime, str] = {
    "dense": "M0-8 1.9-2.6 7.6-2.5 3.1 1 4.7 6.5 0 3.2-4.7 6.5-3.1 1-7.6-2.5-1.9-2.6Z",
    "quantize": "M5 0A5 5 0 1 1-5 0 5 5 0 1 1 5 0Z",
    "prune": "M-4.6-4.6H4.6V4.6H-4.6Z",
    "cumulative": "M0-5.8 5.6 4.4H-5.6Z",
    "joint": "M0-6.2 6.2 0 0 6.2-6.2 0Z",
}


@dataclass(frozen=True)
class Tick:
    """A grid line: its place along the axis in percent from the left or the top, and its number."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """One seed's trial behind the mean of its recipe."""

    x: float
    y: float
    regime: Regime


@dataclass(frozen=True)
class Mark:
    """One recipe: place in percent, and the ends of its error bars."""

    index: int
    row: MeanRow
    x: float
    y: float
    x_ends: tuple[float, float]
    y_ends: tuple[float, float]
    chosen: bool
    label: Label | None = None

    @property
    def shape(self) -> str:
        """Path of the regime's shape."""
        return SHAPES[self.row["regime"]]


@dataclass(frozen=True)
class Segment:
    """One straight piece of the front's staircase, in percent."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Chart:
    """Everything the page needs to draw the front."""

    marks: list[Mark]
    dots: list[Dot]
    steps: list[Segment]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    below: int
    log: bool
    height: int = CHART_HEIGHT


def front_chart(results: StudyResults, chosen: MeanRow | None) -> Chart:
    """Lay the front out; marks come by rising energy, the order in which the keyboard visits them."""
    axes = front_axes(results)
    visible = [(index, row) for index, row in enumerate(results.means) if _visible(row, axes)]
    visible.sort(key=lambda pair: (pair[1]["energy_pj"], pair[1]["accuracy"]))
    marks = [_mark(index, row, results, axes, row is chosen) for index, row in visible]
    dots, steps = _dots(results, axes), _steps(results, axes)
    return Chart(
        marks=_labelled(results, marks, [*_mark_obstacles(marks), *_obstacles(dots, steps)]),
        dots=dots,
        steps=steps,
        x_ticks=[Tick(100 * axes.energy.share(tick), f"{tick:g}") for tick in axes.energy.ticks],
        y_ticks=[Tick(100 - 100 * axes.accuracy.share(tick), f"{tick:g}") for tick in axes.accuracy.ticks],
        below=axes.below,
        log=axes.energy.log,
    )


def _mark(index: int, row: MeanRow, results: StudyResults, axes: FrontAxes, chosen: bool) -> Mark:
    x, y = _place(row, results, axes)
    energy, accuracy = row["energy_pj"], row_chosen_by(row)
    x_ends = (
        _x(energy - row["energy_pj_std"], results, axes),
        _x(energy + row["energy_pj_std"], results, axes),
    )
    y_ends = (_y(accuracy - std_chosen_by(row), axes), _y(accuracy + std_chosen_by(row), axes))
    return Mark(index, row, x, y, x_ends, y_ends, chosen)


def _dots(results: StudyResults, axes: FrontAxes) -> list[Dot]:
    if not results.many_seeds:
        return []
    rows = [row for row in results.rows if _visible(row, axes)]
    return [Dot(*_place(row, results, axes), row["regime"]) for row in rows]


def _steps(results: StudyResults, axes: FrontAxes) -> list[Segment]:
    """From the foot of the first point up, then right to the next point's energy and up to its accuracy."""
    corners = [_place(row, results, axes) for row in results.front if _visible(row, axes)]
    if not corners:
        return []
    steps = [Segment(corners[0][0], 100.0, *corners[0])]
    for (x, y), (next_x, next_y) in pairwise(corners):
        steps += [Segment(x, y, next_x, y), Segment(next_x, y, next_x, next_y)]
    last_x, last_y = corners[-1]
    return [*steps, Segment(last_x, last_y, 100.0, last_y)]


def _labelled(results: StudyResults, marks: list[Mark], obstacles: list[Obstacle]) -> list[Mark]:
    """Name the finding, the reference, then the front from its knee outwards, as far as there is room."""
    first = [mark for mark in marks if mark.chosen]
    first += [mark for mark in marks if mark.row is results.dense and mark not in first]
    front = [mark for mark in reversed(marks) if mark.row["on_front"] and mark not in first]
    wanted = [Label(bar_label(mark.row), mark.x, mark.y, bold=mark.chosen) for mark in [*first, *front]]
    labels = {(label.x, label.y, label.text): label for label in place_labels(wanted, obstacles)}
    return [
        replace(mark, label=labels.get((mark.x, mark.y, bar_label(mark.row))))
        if mark in first or mark in front
        else mark
        for mark in marks
    ]


def _mark_obstacles(marks: list[Mark]) -> list[Obstacle]:
    found: list[Obstacle] = []
    for mark in marks:
        found.append(Obstacle(mark.x, mark.y, mark.x, mark.y, _MARK_RADIUS))
        if mark.row["seeds"] > 1:
            found.append(Obstacle(mark.x, mark.y_ends[0], mark.x, mark.y_ends[1], _LINE_PAD))
            found.append(Obstacle(mark.x_ends[0], mark.y, mark.x_ends[1], mark.y, _LINE_PAD))
    return found


def _obstacles(dots: list[Dot], steps: list[Segment]) -> list[Obstacle]:
    lines = [Obstacle(step.x1, step.y1, step.x2, step.y2, _LINE_PAD) for step in steps]
    return [*lines, *(Obstacle(dot.x, dot.y, dot.x, dot.y, _DOT_RADIUS) for dot in dots)]


def _place(row: MeanRow | TrialRow, results: StudyResults, axes: FrontAxes) -> tuple[float, float]:
    return _x(row["energy_pj"], results, axes), _y(row_chosen_by(row), axes)


def _x(energy_pj: float, results: StudyResults, axes: FrontAxes) -> float:
    return 100 * axes.energy.share(energy_pj / results.unit.pj)


def _y(accuracy: float, axes: FrontAxes) -> float:
    return 100 - 100 * axes.accuracy.share(100 * accuracy)


def _visible(row: MeanRow | TrialRow, axes: FrontAxes) -> bool:
    return 100 * row_chosen_by(row) >= axes.accuracy.low
