"""Put labels next to points, and leave out those for which there is no room."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

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
_MARKER_RADIUS = 5.0


def place_labels(axes: Axes, labels: Iterable[tuple[Point, str, str]], points: Sequence[Point]) -> int:
    """Write `(position, text, colour)` labels, the most important first, where they cover nothing.

    Args:
        axes: Axes whose limits are final.
        labels: Position in data coordinates, text and colour.
        points: Every marker in the axes, in data coordinates.

    Returns:
        How many labels found room.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    radius = _MARKER_RADIUS * figure.dpi / 72
    taken = [_around(axes.transData.transform(point), radius) for point in points]
    frame = axes.get_window_extent()
    placed = 0
    for position, text, color in labels:
        box = _place(axes, position, text, color, frame, taken)
        if box is not None:
            taken.append(box)
            placed += 1
    return placed


def _place(
    axes: Axes, position: Point, text: str, color: str, frame: Bbox, taken: Sequence[Bbox]
) -> Bbox | None:
    for dx, dy, horizontal, vertical in _PLACES:
        options: dict[str, Any] = {"ha": horizontal, "va": vertical, "color": color, "fontsize": 7}
        label = axes.annotate(text, position, (dx, dy), textcoords="offset points", **options)
        label.set_in_layout(False)
        box = label.get_window_extent()
        own = _around(axes.transData.transform(position), 1.0)
        others = [other for other in taken if not other.contains(*own.min)]
        inside = frame.contains(*box.min) and frame.contains(*box.max)
        if inside and box.count_overlaps(others) == 0:
            return box
        label.remove()
    return None


def _around(center: Any, radius: float) -> Bbox:
    x, y = float(center[0]), float(center[1])
    return Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)
