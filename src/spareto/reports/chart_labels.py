"""Labels of the interactive front: written where, at any width of the page, they cover nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

CHART_HEIGHT = 400
# Inner widths of the plot, pixels: the widest, and the narrowest at which the page shows all labels.
WIDTHS = (924, 562)
_CHARACTER, _BOLD_CHARACTER = 6.0, 6.9  # pixels, measured on a wide 12-pixel font (DejaVu Sans)
_ASCENT, _DESCENT = 11, 4

Anchor = Literal["start", "middle", "end"]
# Offsets of the text's baseline from its point, best first: above and left of a front lies nothing.
_PLACES: tuple[tuple[int, int, Anchor], ...] = (
    (-9, -7, "end"),
    (-13, 4, "end"),
    (11, -9, "start"),
    (0, -14, "middle"),
    (13, 4, "start"),
    (11, 18, "start"),
    (0, 23, "middle"),
    (-9, 18, "end"),
)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True)
class Obstacle:
    """An upright or level piece of line between two places in percent, or a point, `pad` pixels thick."""

    x1: float
    y1: float
    x2: float
    y2: float
    pad: float

    def box(self, width: float) -> Box:
        """The pixels it covers in a plot of that width."""
        (left, right), (top, bottom) = sorted((self.x1, self.x2)), sorted((self.y1, self.y2))
        across, down = width / 100, CHART_HEIGHT / 100
        return Box(
            left * across - self.pad,
            top * down - self.pad,
            right * across + self.pad,
            bottom * down + self.pad,
        )


@dataclass(frozen=True)
class Label:
    """A text beside the place (x, y), in percent; `dx`, `dy` move its baseline, in pixels."""

    text: str
    x: float
    y: float
    bold: bool
    dx: int = _PLACES[0][0]
    dy: int = _PLACES[0][1]
    anchor: Anchor = _PLACES[0][2]

    def box(self, width: float) -> Box:
        """The pixels it covers in a plot of that width."""
        length = len(self.text) * (_BOLD_CHARACTER if self.bold else _CHARACTER)
        start = (
            self.x * width / 100 + self.dx - {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor] * length
        )
        base = self.y * CHART_HEIGHT / 100 + self.dy
        return Box(start, base - _ASCENT, start + length, base + _DESCENT)


def place_labels(wanted: Iterable[Label], obstacles: Sequence[Obstacle]) -> list[Label]:
    """Move each label to its best free place, the most important first; drop those that find none."""
    placed: list[Label] = []
    for label in wanted:
        own = (label.x, label.y)
        others = [thing for thing in obstacles if (thing.x1, thing.y1) != own or (thing.x2, thing.y2) != own]
        options = (Label(label.text, *own, label.bold, *place) for place in _PLACES)
        found = next((option for option in options if _free(option, [*others, *placed])), None)
        if found is not None:
            placed.append(found)
    return placed


def _free(label: Label, others: Sequence[Obstacle | Label]) -> bool:
    inside = all(label.box(width).left >= 0 and label.box(width).right <= width for width in WIDTHS)
    inside = inside and label.box(WIDTHS[0]).top >= 0 and label.box(WIDTHS[0]).bottom <= CHART_HEIGHT
    return inside and not any(
        label.box(width).meets(other.box(width)) for width, other in product(WIDTHS, others)
    )
