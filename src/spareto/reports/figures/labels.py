"""Put labels next to points, and leave out those for which there is no room."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from spareto.reports.figures.style import grown

Point = tuple[float, float]

# Offsets in points and alignments, best first: above and left of a front there is nothing to collide with.
_PLACES = (
    (-5, 4, "right", "bottom"),
    (-7, 0, "right", "center"),
    (0, 7, "center", "bottom"),
    (5, 4, "left", "bottom"),
    (7, 0, "left", "center"),
    (5, -4, "left", "top"),
    (0, -7, "center", "top"),
    (-5, -4, "right", "top"),
)
_MARKER_RADIUS, _LINE_PAD = 4.0, 1.0


def place_labels(
    axes: Axes,
    labels: Iterable[tuple[Point, str, str]],
    points: Sequence[Point],
    lines: Sequence[tuple[Point, Point]] = (),
) -> int:
    """Write `(position, text, colour)` labels, the most important first, where they cover nothing.

    Args:
        axes: Axes whose limits are final.
        labels: Position in data coordinates, text and colour.
        points: Every marker in the axes, in data coordinates.
        lines: Ends of the upright and level pieces of line in the axes, in data coordinates.

    Returns:
        How many labels found room.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    pixels = figure.dpi / 72
    markers = {point: _span(axes, point, point, _MARKER_RADIUS * pixels) for point in points}
    taken = [_span(axes, *line, _LINE_PAD * pixels) for line in lines]
    legend = axes.get_legend()
    taken += [legend.get_window_extent()] if legend is not None else []
    placed = 0
    for position, text, color in labels:
        others = [box for point, box in markers.items() if point != position]
        box = _place(axes, position, text, color, [*taken, *others])
        if box is not None:
            taken.append(box)
            placed += 1
    return placed


def _place(axes: Axes, position: Point, text: str, color: str, taken: Sequence[Bbox]) -> Bbox | None:
    frame = axes.get_window_extent()
    for dx, dy, horizontal, vertical in _PLACES:
        options: dict[str, Any] = {"ha": horizontal, "va": vertical, "color": color, "fontsize": grown(7)}
        label = axes.annotate(text, position, (dx, dy), textcoords="offset points", **options)
        label.set_in_layout(False)
        box = label.get_window_extent()
        inside = frame.contains(*box.min) and frame.contains(*box.max)
        if inside and box.count_overlaps(taken) == 0:
            return box
        label.remove()
    return None


def _span(axes: Axes, start: Point, end: Point, pad: float) -> Bbox:
    """The pixels an upright or level line covers, and `pad` around it."""
    (x1, y1), (x2, y2) = axes.transData.transform([start, end])
    return Bbox.from_extents(min(x1, x2) - pad, min(y1, y2) - pad, max(x1, x2) + pad, max(y1, y2) + pad)
